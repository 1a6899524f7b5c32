// SPDX-License-Identifier: BSD-2-Clause
#include "arch/arm64/calls/smccc.hpp"

#include "arch/arm64/calls/firmware_call.hpp"
#include "arch/arm64/calls/firmware_table.hpp"
#include "arch/arm64/firmware.hpp"
#include "hyp/vm/hypercall.hpp"
#include "hyp/vm/vm.hpp"

namespace baton::arm64 {
namespace {

// DEN0028 7: Arm architecture calls.
enum Function : u32 {
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

/// Of a mitigation that only the firmware can carry out: negative where it does not know it.
CallStatus feature_of_firmware(u32 function) {
    return static_cast<i32>(firmware::call(SMCCC_ARCH_FEATURES, function));
}

CallStatus arch_features(u32 function) {
    if (is_workaround(function)) {
        return feature_of_firmware(function);
    }
    const bool known = function == SMCCC_VERSION || function == SMCCC_ARCH_FEATURES;
    return known ? 0 : not_supported;
}

CallStatus arch_call(const GuestCall& call) {
    switch (call.function) {
    case SMCCC_VERSION:
        return version_1_2;
    case SMCCC_ARCH_FEATURES:
        return arch_features(static_cast<u32>(call.argument(0)));
    default:
        break;
    }
    if (is_workaround(call.function) && feature_of_firmware(call.function) >= 0) {
        firmware::call(call.function, static_cast<u32>(call.argument(0)));
        return 0;
    }
    return not_supported;
}

} // namespace

CallResult guest_call(Vm& vm, const GuestCall& call, GuestFrame& frame) {
    vm.note_call();
    switch (owner_of(call.function)) {
    case CallOwner::arch:
        return {arch_call(call)};
    case CallOwner::standard:
        return {standard_call(vm, call, frame)};
    case CallOwner::hypervisor:
        return hypercall(vm, call);
    default:
        return {firmware_call(vm, frame)};
    }
}

} // namespace baton::arm64
