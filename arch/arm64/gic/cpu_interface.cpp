// SPDX-License-Identifier: BSD-2-Clause
#include "arch/arm64/gic/cpu_interface.hpp"

#include "arch/arm64/gic/intid.hpp"
#include "arch/arm64/gic/sgi.hpp"
#include "arch/arm64/gic/sgi_request.hpp"

namespace baton::arm64::gic {
namespace {

/// A register for each 32 preemptible priorities: 1, 2 or 4.
/// @param bits the number of preemption bits, 4 to 7
constexpr u32 active_priority_registers(u32 bits) { return bits <= 5 ? 1 : 1U << (bits - 5); }

void clear_active_priorities() {
    const u32 count = active_priority_registers(ICC_CTLR_EL1::priority_bits(read<ICC_CTLR_EL1>()));
    write_raw<ICC_AP1R_EL1<0>>(0);
    if (count > 1) {
        write_raw<ICC_AP1R_EL1<1>>(0);
    }
    if (count > 2) {
        write_raw<ICC_AP1R_EL1<2>>(0);
        write_raw<ICC_AP1R_EL1<3>>(0);
    }
}

void clear_virtual_active_priorities() {
    const u32 count = active_priority_registers(ICH_VTR_EL2::preemption_bits(read<ICH_VTR_EL2>()));
    write_raw<ICH_AP0R_EL2<0>>(0);
    write_raw<ICH_AP1R_EL2<0>>(0);
    if (count > 1) {
        write_raw<ICH_AP0R_EL2<1>>(0);
        write_raw<ICH_AP1R_EL2<1>>(0);
    }
    if (count > 2) {
        write_raw<ICH_AP0R_EL2<2>>(0);
        write_raw<ICH_AP1R_EL2<2>>(0);
        write_raw<ICH_AP0R_EL2<3>>(0);
        write_raw<ICH_AP1R_EL2<3>>(0);
    }
}

/// A chain of comparisons: the low list registers, which are the ones in use, come first.
template <u32 n = 0>
u64 load_list_register(u32 wanted) {
    if constexpr (n < 15) {
        return wanted == n ? read_raw<ICH_LR_EL2<n>>() : load_list_register<n + 1>(wanted);
    } else {
        return read_raw<ICH_LR_EL2<n>>();
    }
}
template <u32 n = 0>
void store_list_register(u32 wanted, u64 value) {
    if (n == 15 || wanted == n) {
        return write_raw<ICH_LR_EL2<n>>(value);
    }
    if constexpr (n < 15) {
        store_list_register<n + 1>(wanted, value);
    }
}

/// With two security states the priorities and masks of Non-secure software are the upper half of
/// the GIC's, shifted: 0 stands for 0x80. But if the firmware leaves FIQs to us (SCR_EL3.FIQ = 0),
/// ICC_PMR_EL1 alone is not shifted. Only then the smallest mask can be read back.
bool mask_is_unshifted() {
    const u32 bits = ICC_CTLR_EL1::priority_bits(read<ICC_CTLR_EL1>());
    write_raw<ICC_PMR_EL1>(u64{1} << (8 - bits));
    isb(); // The read must see the write.
    return read_raw<ICC_PMR_EL1>() != 0;
}

} // namespace

Result<> CpuInterface::bring_up(bool two_security_states) {
    write(read<ICC_SRE_EL2>() | ICC_SRE_EL2::SRE | ICC_SRE_EL2::DFB | ICC_SRE_EL2::DIB |
          ICC_SRE_EL2::Enable);
    isb(); // Without SRE in effect the other registers are UNDEFINED.
    if (!read<ICC_SRE_EL2>().has(ICC_SRE_EL2::SRE)) {
        return std::unexpected(Error::unsupported);
    }
    write_raw<ICC_IGRPEN1_EL1>(0);
    isb(); // Nothing is signalled any more while the rest changes.

    sees_secure_priorities_ = two_security_states && mask_is_unshifted();
    set_priority_mask(mask_guest);
    clear_active_priorities();
    write_raw<ICC_BPR1_EL1>(0);
    write(ICC_CTLR_EL1::EOImode);
    reset_virtual();
    isb(); // All of it is in place before interrupts come.
    write(ICC_IGRPEN1_EL1::Enable);
    isb(); // A kick from now on is taken.
    return {};
}

void CpuInterface::close() {
    write_raw<ICC_IGRPEN1_EL1>(0);
    isb();
    clear_active_priorities();
    reset_virtual();
    isb();
}

ListRegister CpuInterface::list_register(u32 n) { return {load_list_register(n)}; }
void CpuInterface::set_list_register(u32 n, ListRegister value) {
    store_list_register(n, value.value);
}

void CpuInterface::reset_virtual() {
    write_raw<ICH_HCR_EL2>(0);
    isb(); // Off before its state changes.
    for (u32 n = list_registers(); n != 0; n--) {
        set_list_register(n - 1, {});
    }
    clear_virtual_active_priorities();
    write_raw<ICH_VMCR_EL2>(0);
    write(ICC_SRE_EL1::SRE | ICC_SRE_EL1::DFB | ICC_SRE_EL1::DIB);
}

void kick(Mpidr mpidr) {
    CpuInterface::send_sgi(SgiRequest::to(kick_sgi, affinity_of(mpidr)));
    isb(); // Sent before the caller begins to wait for the answer.
}

void kick_all_others() {
    if (!read<ICC_SRE_EL2>().has(ICC_SRE_EL2::SRE)) {
        return;
    }
    CpuInterface::send_sgi(SgiRequest::to_all_others(kick_sgi));
    isb(); // As above.
}

} // namespace baton::arm64::gic
