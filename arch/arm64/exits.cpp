// SPDX-License-Identifier: BSD-2-Clause
//
// What brings a guest's CPU to EL2, and what becomes of it. vectors.S calls the three functions at
// the end; when they return, the guest goes on.

#include "arch/arm64/calls/smccc.hpp"
#include "arch/arm64/guest_frame.hpp"
#include "arch/arm64/hypervisor.hpp"
#include "arch/arm64/inject.hpp"
#include "arch/arm64/interrupts.hpp"
#include "arch/arm64/percpu.hpp"
#include "arch/arm64/registers.hpp"
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
    self.vcpu->vm->leave_if_fenced();
    self.denied_accesses++;
    inject_external_abort();
}

[[gnu::noinline]] void handle_call(GuestFrame& frame) {
    const GuestCall call =
        call_of({frame.x[0], frame.x[1], frame.x[2], frame.x[3], frame.x[4], frame.x[5]});
    const CallResult result = guest_call(*this_cpu().vcpu->vm, call);
    frame.x[0] = static_cast<u64>(result.status);
    if (result.has_values) {
        std::ranges::copy(result.values, &frame.x[1]);
    }
    answer_kicks(); // The call may have waited, and taken kicks that were meant for the guest.
}

/// ISS of a trapped MSR, MRS or system instruction (Arm ARM D19.2.37).
struct SysregAccess {
    SysregEncoding encoding;
    u64 transfer_register;
    bool is_read;

    static SysregAccess from(u64 iss) {
        const auto field = [iss](unsigned low, unsigned width) {
            return static_cast<u32>(iss >> low & ((u64{1} << width) - 1));
        };
        return {.encoding = {.op0 = field(20, 2),
                             .op1 = field(14, 3),
                             .crn = field(10, 4),
                             .crm = field(1, 4),
                             .op2 = field(17, 3)},
                .transfer_register = field(5, 5),
                .is_read = field(0, 1) != 0};
    }
};

[[gnu::noinline]] void handle_sysreg(GuestFrame& frame) {
    const auto access = SysregAccess::from(ESR_EL2::iss(read<ESR_EL2>()));
    Hypervisor& baton = hypervisor();
    if (access.is_read) {
        if (const auto value = baton.clusters.read(access.encoding)) {
            write_x(frame, access.transfer_register, *value);
            return skip_instruction();
        }
        return inject_undefined();
    }
    const u64 value = read_x(frame, access.transfer_register);
    if (baton.vgic.write_trapped_sysreg(this_cpu().vgic, access.encoding, value) ||
        baton.clusters.write(access.encoding, value)) {
        return skip_instruction();
    }
    inject_undefined();
}

/// ISS of a data abort whose ISV is set: a plain load or store of one register.
struct MmioAccess {
    explicit MmioAccess(u64 iss) : iss_{iss} {}
    bool valid() const { return (iss_ >> 24 & 1) != 0; }
    u32 size() const { return 1U << (iss_ >> 22 & 3); }
    u64 transfer_register() const { return iss_ >> 16 & 31; }
    bool is_write() const { return (iss_ >> 6 & 1) != 0; }

    /// The register's new value: extended by sign (SSE) to 32 or 64 bits (SF), or by zeros.
    u64 loaded(u64 value) const {
        const u32 bits = size() * 8;
        if (bits < 64) {
            value &= (u64{1} << bits) - 1;
            if ((iss_ >> 21 & 1) != 0 && (value >> (bits - 1) & 1) != 0) {
                value |= ~u64{0} << bits;
            }
        }
        return (iss_ >> 15 & 1) != 0 ? value : static_cast<u32>(value);
    }
    u64 stored(u64 value) const {
        const u32 bits = size() * 8;
        return bits < 64 ? value & ((u64{1} << bits) - 1) : value;
    }

  private:
    u64 iss_;
};

/// The IPA of a translation fault (HPFAR_EL2 holds the page, FAR_EL2 the offset in it).
GuestAddr fault_address() {
    return {(read_raw<HPFAR_EL2>() >> 4 & 0xff'ffff'ffff) << 12 |
            (read_raw<FAR_EL2>() & (page_size - 1))};
}

bool is_stage1_walk(u64 iss) { return (iss >> 7 & 1) != 0; }

[[gnu::noinline]] void handle_data_abort(GuestFrame& frame) {
    const u64 iss = ESR_EL2::iss(read<ESR_EL2>());
    const MmioAccess access{iss};
    if (!access.valid() || is_stage1_walk(iss)) {
        return refuse_access();
    }
    Hypervisor& baton = hypervisor();
    const GuestAddr address = fault_address();
    if (access.is_write()) {
        const u64 value = access.stored(read_x(frame, access.transfer_register()));
        if (!baton.vgic.mmio_write(this_cpu().vgic, address, access.size(), value)) {
            return refuse_access();
        }
    } else {
        const auto value = baton.vgic.mmio_read(this_cpu().vgic, address, access.size());
        if (!value) {
            return refuse_access();
        }
        write_x(frame, access.transfer_register(), access.loaded(*value));
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
