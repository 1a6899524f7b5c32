// SPDX-License-Identifier: BSD-2-Clause
#include "hyp/vm/hypercall.hpp"

#include "guest-api/baton.h"
#include "hyp/vm/abi_answer.hpp"
#include "hyp/vm/vm.hpp"

namespace baton {
namespace {

constexpr u32 features = BATON_HAS_LOAD | BATON_HAS_EXEC | BATON_HAS_RESET2 | BATON_HAS_STATUS |
                         BATON_HAS_TRACE | BATON_HAS_LOG | BATON_HAS_HOST | BATON_HAS_VMS;

// Not inlined: hypercall() itself would save, for every short call, the registers that this needs.

/// A call that fills the caller's memory; none of a CPU that a handover is about to take, or lost.
using WritingCall = CallResult (*)(Vm&, const GuestCall&);
[[gnu::noinline]] CallResult with_write(Vm& vm, const GuestCall& call, WritingCall function) {
    if (!vm.lifecycle().begin_write()) {
        return refusal(Error::busy);
    }
    const CallResult result = function(vm, call);
    vm.lifecycle().end_write();
    return result;
}

} // namespace

CallResult hypercall(Vm& vm, const GuestCall& call) {
    switch (call.function) {
    case BATON_CALL_UID:
        return {BATON_UID_0, true, {BATON_UID_1, BATON_UID_2, BATON_UID_3}};
    case BATON_REVISION:
        return {BATON_REVISION_MAJOR, true, {BATON_REVISION_MINOR}};
    case BATON_FEATURES:
        return {features, true};
    case BATON_LOAD_BEGIN:
        return load_begin_call(vm, call);
    case BATON_LOAD_COPY:
        return load_copy_call(vm, call);
    case BATON_LOAD_SEAL:
        return load_seal_call(vm, call);
    case BATON_LOAD_DROP:
        return load_drop_call(vm, call);
    case BATON_EXEC:
        return exec_call(vm, call);
    case BATON_STATUS:
        return with_write(vm, call, status_call);
    case BATON_TRACE:
        return with_write(vm, call, trace_call);
    case BATON_TRACE_CPU:
        return with_write(vm, call, trace_cpu_call);
    case BATON_LOG:
        return with_write(vm, call, log_call);
    case BATON_VM_STATUS:
        return with_write(vm, call, vm_status_call);
    case BATON_VM_POWER:
        return vm_power_call(vm, call);
    case BATON_DOORBELL:
        return doorbell_call(vm, call);
    default:
        return {BATON_NOT_SUPPORTED};
    }
}

} // namespace baton
