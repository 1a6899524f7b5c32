// SPDX-License-Identifier: BSD-2-Clause
//
// Calls about other VMs than the caller's.
#include "hyp/arch.hpp"
#include "hyp/vm/abi_answer.hpp"
#include "hyp/vm/guest_ram.hpp"

namespace baton {

CallResult vm_status_call(Vm& caller, const GuestCall& call) {
    const auto all = caller.setup().all;
    const u64 number = call.argument(0);
    if (number >= all.size()) {
        return refusal(Error::invalid);
    }
    if (!caller.is_host() && number != index(caller.id())) {
        return refusal(Error::not_allowed);
    }
    Vm& vm = all[number];
    baton_vm_status status{};
    status.number = static_cast<baton_u32>(number);
    status.memory = vm.setup().memory;
    vm.setup().name.copy(status.name, sizeof status.name - 1);
    status.status = status_of(vm);
    // The last CPUs of a kernel may still be on their way down.
    const bool is_off = vm.lifecycle().is_off() && status.status.online == 0;
    status.state = is_off ? BATON_VM_OFF : BATON_VM_RUNNING;
    return answer(write_struct(caller, call.address(1), call.argument(2), status));
}

CallResult vm_power_call(Vm& caller, const GuestCall& call) {
    const auto all = caller.setup().all;
    const u64 number = call.argument(0);
    if (!caller.is_host()) {
        return refusal(Error::not_allowed);
    }
    if (number == 0 || number >= all.size() || call.argument(1) > BATON_VM_STOP) {
        return refusal(Error::invalid);
    }
    Vm& vm = all[number];
    const bool wants_on = call.argument(1) == BATON_VM_START;
    if (wants_on != vm.lifecycle().is_off()) {
        return {BATON_OK, true};
    }
    const auto ordered = wants_on ? vm.order_kernel() : vm.order_stop();
    return ordered ? CallResult{BATON_OK, true} : refusal(ordered.error());
}

CallResult doorbell_call(Vm& caller, const GuestCall& call) {
    const bool rang = arch::ring_doorbell(caller.id(), call.argument(0));
    return rang ? CallResult{BATON_OK, true} : refusal(Error::invalid);
}

} // namespace baton
