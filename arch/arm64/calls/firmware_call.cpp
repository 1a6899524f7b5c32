// SPDX-License-Identifier: BSD-2-Clause
#include "arch/arm64/calls/firmware_call.hpp"

#include "arch/arm64/calls/firmware_table.hpp"
#include "arch/arm64/firmware.hpp"
#include "arch/arm64/hypervisor.hpp"
#include "hyp/arch.hpp"
#include "hyp/vm/vm.hpp"

#include <algorithm>

namespace baton::arm64 {
namespace {

// DEN0054 5.1.
enum SdeiFunction : u32 {
    SDEI_VERSION = 0xc400'0020,
    SDEI_PE_MASK = 0xc400'002b,
    SDEI_PRIVATE_RESET = 0xc400'0031,
    SDEI_SHARED_RESET = 0xc400'0032,
};

void smc(SmcccRegisters& registers) { firmware::call(registers); }

void map_buffers(Vm& vm, SmcccRegisters& registers) {
    vm.arch().firmware_buffers.map(
        registers, smc, [&](GuestAddr address) { return arch::is_guest_memory(vm, address); });
}

bool has_ffa() {
    SmcccRegisters registers{ffa::ID_GET};
    smc(registers);
    return static_cast<u32>(registers[0]) == ffa::SUCCESS_32;
}

} // namespace

CallStatus firmware_call(Vm& vm, GuestFrame& frame) {
    const auto function = static_cast<u32>(frame.x[0]);
    CallRule rule = rule_of(function);
    const bool is_hosts = rule == CallRule::forward || rule == CallRule::map_buffers;
    if (is_hosts && !vm.is_host()) {
        rule = CallRule::refuse;
    }
    if (rule == CallRule::refuse_ffa && !has_ffa()) {
        rule = CallRule::refuse;
    }
    SmcccRegisters registers;
    std::copy_n(frame.x, registers.size(), registers.begin());
    switch (rule) {
    case CallRule::refuse:
        return not_supported;
    case CallRule::refuse_ffa:
        ffa::fail(registers, ffa::NOT_SUPPORTED);
        break;
    case CallRule::map_buffers:
        map_buffers(vm, registers);
        break;
    case CallRule::forward:
    case CallRule::stateless:
        smc(registers);
        break;
    }
    std::ranges::copy(registers, frame.x);
    return static_cast<CallStatus>(registers[0]);
}

bool unmap_buffers(Vm& vm) { return vm.arch().firmware_buffers.unmap(smc); }

void silence_firmware_events() {
    if (firmware::call(SDEI_VERSION) < 0) {
        return;
    }
    firmware::call(SDEI_PE_MASK);
    firmware::call(SDEI_PRIVATE_RESET);
    firmware::call(SDEI_SHARED_RESET); // again on each CPU: a handler may have run on another
}

} // namespace baton::arm64
