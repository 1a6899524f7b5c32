// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "arch/arm64/cpu/barrier.hpp"
#include "arch/arm64/gic/intid.hpp"
#include "arch/arm64/gic/list_register.hpp"
#include "arch/arm64/gic/maintenance.hpp"
#include "arch/arm64/gic/priority.hpp"
#include "arch/arm64/gic/registers.hpp"
#include "arch/arm64/gic/sgi_request.hpp"
#include "hyp/result.hpp"

namespace baton::arm64::gic {

/// The calling CPU's interface: the physical side, which is Baton's, and the control of the virtual
/// one, which is the guest's.
class CpuInterface {
  public:
    using ListRegister = gic::ListRegister;

    /// On, with all of the guest's interrupts masked.
    /// @param two_security_states GICD_CTLR.DS is 0
    /// Errors: unsupported (the firmware keeps the system registers from EL2).
    Result<> bring_up(bool two_security_states);

    /// Signals nothing any more and has nothing active. The registers' values are the caller's.
    static void close();

    /// ICC_IAR1_EL1's INTID; 1020 to 1023 if there is none.
    static Intid acknowledge() {
        const u64 intid = read_raw<ICC_IAR1_EL1>() & ICC_IAR1_EL1::INTID;
        // What the interrupt was sent for is read after this: the acknowledgement has been made
        // (dsb), and no load has gone ahead of it (isb).
        dsb_ish();
        isb();
        return Intid{static_cast<u32>(intid)};
    }
    static void drop_priority(Intid intid) { write_raw<ICC_EOIR1_EL1>(index(intid)); }
    static void deactivate(Intid intid) { write_raw<ICC_DIR_EL1>(index(intid)); }

    /// On the way back to a guest no isb is needed after.
    static void send_sgi(SgiRequest request) {
        dsb_ishst(); // What the SGI is about must be visible to whoever takes it.
        write_raw<ICC_SGI1R_EL1>(request.value);
    }

    void set_priority_mask(u8 mask) const {
        // One security state's mask counts from 0, but the GIC keeps Non-secure priorities in the
        // upper half: see bring_up.
        write_raw<ICC_PMR_EL1>(sees_secure_priorities_ ? 0x80U | mask >> 1 : mask);
        isb(); // The next acknowledgement goes by the new mask.
    }

    static u32 list_registers() { return ICH_VTR_EL2::list_registers(read<ICH_VTR_EL2>()); }
    static u8 implemented_virtual_priority() {
        return implemented_priority(ICH_VTR_EL2::priority_bits(read<ICH_VTR_EL2>()));
    }
    static bool can_trap_dir() { return read<ICH_VTR_EL2>().has(ICH_VTR_EL2::TDS); }

    /// A bit for each list register that holds nothing.
    static u32 free_list_registers() {
        isb(); // List registers may have been written since the exit from the guest.
        return static_cast<u32>(read_raw<ICH_ELRSR_EL2>());
    }
    /// @param n below list_registers()
    static ListRegister list_register(u32 n);
    static void set_list_register(u32 n, ListRegister value);

    /// How many interrupts the guest has ended since `turn_on_virtual` that no list register held.
    static u32 eoi_count() { return ICH_HCR_EL2::EOIcount(read<ICH_HCR_EL2>()); }
    /// ICC_EOIR drops the priority only, ICC_DIR deactivates.
    static bool has_split_eoi() { return read<ICH_VMCR_EL2>().has(ICH_VMCR_EL2::VEOIM); }

    /// Clears `eoi_count`.
    static void turn_on_virtual(Maintenance maintenance) {
        auto hcr = ICH_HCR_EL2::En;
        hcr = maintenance.no_pending ? hcr | ICH_HCR_EL2::NPIE : hcr;
        hcr = maintenance.underflow ? hcr | ICH_HCR_EL2::UIE : hcr;
        hcr = maintenance.ended_elsewhere ? hcr | ICH_HCR_EL2::LRENPIE : hcr;
        hcr = maintenance.trap_dir ? hcr | ICH_HCR_EL2::TDIR : hcr;
        write(hcr);
    }
    /// Off, with nothing in it: as after a cold reset.
    static void reset_virtual();

  private:
    bool sees_secure_priorities_ = false;
};

} // namespace baton::arm64::gic
