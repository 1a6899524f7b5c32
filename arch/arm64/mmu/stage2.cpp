// SPDX-License-Identifier: BSD-2-Clause
#include "arch/arm64/mmu/stage2.hpp"

#include "arch/arm64/cpu/barrier.hpp"
#include "arch/arm64/mmu/tlb.hpp"

namespace baton::arm64 {

// Table walks are inner shareable and write-back (VTCR_EL2.SH0, IRGN0, ORGN0), so they look into
// the caches of all CPUs: stores need order, but no clean to the point of coherency.
void Stage2Tables::publish() { dsb_ishst(); }

Stage2::Stage2(Stage2Format format, PhysRange tables, u8 vmid)
    : table_{format, Stage2Tables{tables}}, vmid_{vmid} {}

Result<> Stage2::build(const Stage2Map& map) {
    if (retired_) {
        return std::unexpected(Error::busy);
    }
    // First the empty root, then the invalidation, then the new entries: whatever a CPU walks
    // ahead while invalidate_vmid() has this root loaded finds nothing that could stay in a TLB.
    if (const auto done = table_.reset(); !done) {
        return done;
    }
    invalidate_vmid();
    const auto done = fill(map);
    if (!done) {
        table_.clear_root();
    }
    return done;
}

Result<> Stage2::fill(const Stage2Map& map) {
    for (const auto ranges : {map.ram, map.shared}) {
        for (const PhysRange& ram : ranges) {
            if (const auto done =
                    table_.map({to_guest(ram.begin), ram.size}, ram.begin, GuestMemory::ram);
                !done) {
                return done;
            }
        }
    }
    for (const PhysRange& device : map.devices) {
        if (const auto done = table_.map({to_guest(device.begin), device.size}, device.begin,
                                         GuestMemory::device);
            !done) {
            return done;
        }
    }
    for (const PhysRange& hole : map.holes) {
        if (const auto done = table_.unmap({to_guest(hole.begin), hole.size}); !done) {
            return done;
        }
    }
    return {};
}

void Stage2::empty() {
    retired_ = true;
    table_.clear_root();
    invalidate_vmid();
}

void Stage2::load() const {
    isb(); // the EL1 registers written before are in effect before this root is
    write(vttbr_el2());
    // No ISB after it: entering the guest is an ERET, which synchronises (SCTLR_EL2.EOS).
}

Bits<VTTBR_EL2> Stage2::vttbr_el2() const {
    return VTTBR_EL2::BADDR(table_.root().value) | VTTBR_EL2::VMID(vmid_);
}

/// TLBI takes the VMID from VTTBR_EL2. Together with the VMID goes its root: under it a CPU may
/// walk ahead at any time.
void Stage2::invalidate_vmid() const {
    const auto loaded = read<VTTBR_EL2>();
    write(vttbr_el2());
    isb(); // the TLBI takes this VMID
    tlb::vmalls12e1is();
    write(loaded);
    isb(); // nothing is walked under this VMID from here on
}

} // namespace baton::arm64
