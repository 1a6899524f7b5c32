// SPDX-License-Identifier: BSD-2-Clause
#include "hyp/vm/smccc.hpp"

#include "hyp/machine.hpp"
#include "hyp/vm/hypercall.hpp"
#include "hyp/vm/vm.hpp"

namespace baton {
namespace {

// DEN0028 7: Arm architecture calls.
enum Function : u32 {
    SMCCC_VERSION = 0x8000'0000,
    SMCCC_ARCH_FEATURES = 0x8000'0001,
    SMCCC_ARCH_WORKAROUND_3 = 0x8000'3fff,
    SMCCC_ARCH_WORKAROUND_2 = 0x8000'7fff,
    SMCCC_ARCH_WORKAROUND_1 = 0x8000'8000,
};
constexpr CallStatus version_1_2 = 0x1'0002;

bool is_workaround(u32 function) {
    return function == SMCCC_ARCH_WORKAROUND_1 || function == SMCCC_ARCH_WORKAROUND_2 ||
           function == SMCCC_ARCH_WORKAROUND_3;
}

CallStatus arch_features(u32 function) {
    if (is_workaround(function)) {
        return machine::firmware_feature(function);
    }
    const bool known = function == SMCCC_VERSION || function == SMCCC_ARCH_FEATURES;
    return known ? 0 : not_supported;
}

} // namespace

CallResult guest_call(Vm& vm, const GuestCall& call) {
    vm.note_call();
    bool handled = true;
    if (const CallStatus status = psci_call(vm, call, handled); handled) {
        return {status};
    }
    switch (call.function) {
    case SMCCC_VERSION:
        return {version_1_2};
    case SMCCC_ARCH_FEATURES:
        return {arch_features(static_cast<u32>(call.argument(0)))};
    default:
        break;
    }
    if (is_workaround(call.function) && machine::firmware_feature(call.function) >= 0) {
        machine::firmware_workaround(call.function, static_cast<u32>(call.argument(0)));
        return {0};
    }
    return hypercall(vm, call);
}

} // namespace baton
