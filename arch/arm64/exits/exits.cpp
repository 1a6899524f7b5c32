// SPDX-License-Identifier: BSD-2-Clause
//
// What brings a guest's CPU to EL2, and what becomes of it. vectors.S calls the three functions at
// the end; when they return, the guest goes on.

#include "arch/arm64/calls/smccc.hpp"
#include "arch/arm64/cpu/percpu.hpp"
#include "arch/arm64/cpu/registers.hpp"
#include "arch/arm64/cpu/syndrome.hpp"
#include "arch/arm64/exits/guest_frame.hpp"
#include "arch/arm64/exits/inject.hpp"
#include "arch/arm64/exits/interrupts.hpp"
#include "arch/arm64/hypervisor.hpp"
#include "hyp/vm/vm.hpp"

#include <algorithm>

// The handlers are not inlined into handle_guest_sync: on every exit it would save what the largest
// of them needs.

namespace baton::arm64 {
namespace {

/// x31 reads as zero and swallows writes in the encodings decoded here.
u64 read_x(const GuestFrame& frame, u64 n) { return n < 31 ? frame.x[n] : 0; }
void write_x(GuestFrame& frame, u64 n, u64 value) {
    if (n < 31) {
        frame.x[n] = value;
    }
}

void skip_instruction() {
    const bool is_32_bit = read<ESR_EL2>().has(ESR_EL2::IL);
    write_raw<ELR_EL2>(read_raw<ELR_EL2>() + (is_32_bit ? 4 : 2));
}

/// A CPU that a handover lost finds no memory any more: it is not the guest's mistake then.
[[gnu::noinline]] void refuse_access() {
    PerCpu& self = this_cpu();
    self.vcpu->vm->park_if_fenced();
    self.denied_accesses++;
    inject_external_abort();
}

[[gnu::noinline]] void handle_call(GuestFrame& frame) {
    const auto function = static_cast<u32>(frame.x[0]); // X1 to X5 are its arguments
    const GuestCall call{.function = function,
                         .mask = argument_mask(function),
                         .arguments = {frame.x[1], frame.x[2], frame.x[3], frame.x[4], frame.x[5]}};
    const CallResult result = guest_call(*this_cpu().vcpu->vm, call, frame);
    frame.x[0] = static_cast<u64>(result.status);
    if (result.has_values) {
        std::ranges::copy(result.values, &frame.x[1]);
    }
    answer_kicks(); // The call may have waited, and taken kicks that were meant for the guest.
}

[[gnu::noinline]] void handle_sysreg(GuestFrame& frame) {
    const SysregTrap trap{{ESR_EL2::iss(read<ESR_EL2>())}};
    PerCpu& self = this_cpu();
    const Clusters& clusters = hypervisor().clusters;
    if (trap.is_read()) {
        if (const auto value = clusters.read(trap.encoding())) {
            write_x(frame, trap.Rt(), *value);
            return skip_instruction();
        }
        return inject_undefined();
    }
    const u64 value = read_x(frame, trap.Rt());
    if (self.vm->vgic.write_trapped_sysreg(self.vgic, trap.encoding(), value) ||
        clusters.write(trap.encoding(), value)) {
        return skip_instruction();
    }
    inject_undefined();
}

/// The IPA of a translation fault (HPFAR_EL2 holds the page, FAR_EL2 the offset in it).
GuestAddr fault_address() {
    return {(read_raw<HPFAR_EL2>() >> 4 & 0xff'ffff'ffff) << 12 |
            (read_raw<FAR_EL2>() & (page_size - 1))};
}

[[gnu::noinline]] void handle_data_abort(GuestFrame& frame) {
    const DataAbort access{{ESR_EL2::iss(read<ESR_EL2>())}};
    if (!access.is_stage2_fault()) {
        return inject_own_abort(); // of the guest's making: a misaligned access to a device
    }
    if (!access.ISV() || access.S1PTW()) {
        return refuse_access();
    }
    const GuestAddr address = fault_address();
    const auto* const device = this_cpu().vm->traps.find(address);
    if (device == nullptr) {
        return refuse_access();
    }
    if (access.WnR()) {
        const u64 value = access.stored(read_x(frame, access.SRT()));
        if (!device->write(address, access.bytes(), value)) {
            return refuse_access();
        }
    } else {
        u64 value = 0;
        if (!device->read(address, access.bytes(), value)) {
            return refuse_access();
        }
        write_x(frame, access.SRT(), access.loaded(value));
    }
    skip_instruction();
}

} // namespace

extern "C" void handle_guest_sync(GuestFrame* frame) {
    switch (static_cast<ExceptionClass>(ESR_EL2::exception_class(read<ESR_EL2>()))) {
    case ExceptionClass::hvc64:
        return handle_call(*frame);
    case ExceptionClass::smc64:
        // A trapped SMC is returned to, not past (Arm ARM D1.3.5).
        skip_instruction();
        return handle_call(*frame);
    case ExceptionClass::sysreg:
        return handle_sysreg(*frame);
    case ExceptionClass::data_abort_lower:
        return handle_data_abort(*frame);
    case ExceptionClass::instruction_abort_lower:
        return refuse_access();
    default:
        return inject_undefined();
    }
}

extern "C" void handle_guest_irq(GuestFrame*) {
    take_interrupts();
    answer_kicks();
}

// The guest's devices are passed through, so a bus error is its own: it takes it as a virtual
// SError with the same syndrome.
extern "C" void handle_guest_serror(GuestFrame*) {
    if (ID_AA64PFR0_EL1::ras(read<ID_AA64PFR0_EL1>()) != 0) {
        write_raw<VSESR_EL2>(ESR_EL2::iss(read<ESR_EL2>()));
    }
    write(read<HCR_EL2>() | HCR_EL2::VSE);
}

} // namespace baton::arm64
