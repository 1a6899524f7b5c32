// SPDX-License-Identifier: BSD-2-Clause
#include "arch/arm64/mmu/stage1.hpp"

#include "arch/arm64/cpu/barrier.hpp"
#include "arch/arm64/cpu/cache.hpp"
#include "arch/arm64/mmu/tlb.hpp"

namespace baton::arm64 {

// Table walks are inner shareable and write-back (TCR_EL2.SH0, IRGN0, ORGN0), so they look into
// the caches of all CPUs: stores need order, but no clean to the point of coherency.
void Stage1Tables::publish() {
    dsb_ishst();
    isb(); // an access right after a new mapping must not use a fault found before it
}

// The whole of EL2 instead of page by page: Baton's tables hardly ever change after boot, and this
// reaches entries of every level and size.
void Stage1Tables::invalidate(PhysRange) { tlb::alle2is(); }

Stage1::Stage1(Stage1Format format, PhysRange tables) : table_{format, Stage1Tables{tables}} {}

Result<> Stage1::build(std::span<const HypRegion> regions, std::span<const PhysRange> holes) {
    const PhysRange tables = table_.memory().pages();
    const bool uncached = !read<SCTLR_EL2>().has(SCTLR_EL2::M | SCTLR_EL2::C);
    if (uncached) {
        // Dirty lines of whatever used this memory before could be evicted over the entries.
        cache::clean_invalidate_to_poc(tables);
    }
    const auto done = fill(regions, holes);
    if (uncached) {
        // Walks are cached: a line that was fetched between the two would hide the entries.
        cache::clean_invalidate_to_poc(tables);
    }
    return done;
}

Result<> Stage1::fill(std::span<const HypRegion> regions, std::span<const PhysRange> holes) {
    if (const auto done = table_.reset(); !done) {
        return done;
    }
    for (const HypRegion& region : regions) {
        if (const auto done = map(region); !done) {
            return done;
        }
    }
    for (const PhysRange& hole : holes) {
        if (const auto done = unmap(hole); !done) {
            return done;
        }
    }
    return {};
}

Result<> Stage1::map(const HypRegion& region) {
    return table_.map(region.range, region.range.begin, region.memory);
}

Result<> Stage1::unmap(PhysRange range) { return table_.unmap(range); }

El2Translation Stage1::translation() const {
    return {
        .mair = Stage1Format::mair_el2(),
        .tcr = table_.format().tcr_el2(),
        .ttbr0 = {table_.root().value},
        .sctlr = table_.format().sctlr_el2(),
    };
}

void install(const El2Translation& translation) {
    // With the MMU off between two maps no TLB ever holds entries of both, which may differ in
    // size and rights (break-before-make; EL2 without VHE has no ASID to tell them apart). One
    // block of assembly, so that the compiler puts no memory access in: with the MMU off it would
    // go past the caches. Code is mapped where it is, so fetching goes on.
    asm volatile("dsb    sy\n"                // table entries and cache maintenance are complete
                 "msr    sctlr_el2, %[off]\n" // MMU and data cache off; instructions stay cached
                 "isb\n"                      // from here on nothing walks the old tables
                 "msr    mair_el2, %[mair]\n"
                 "msr    tcr_el2, %[tcr]\n"
                 "msr    ttbr0_el2, %[ttbr0]\n"
                 "isb\n"          // in effect before anything is translated by them
                 "tlbi   alle2\n" // what this CPU keeps of the old map, or from before Baton
                 "ic     iallu\n" // instructions fetched uncached, or from before Baton
                 "dsb    nsh\n"   // both complete on this CPU, which is all that they reach
                 "isb\n"
                 "msr    sctlr_el2, %[on]\n"
                 "isb\n" // the next instruction is fetched through the new map
                 :
                 : [off] "r"(translation.sctlr.without(SCTLR_EL2::M | SCTLR_EL2::C).value),
                   [on] "r"(translation.sctlr.value), [mair] "r"(translation.mair.value),
                   [tcr] "r"(translation.tcr.value), [ttbr0] "r"(translation.ttbr0.value)
                 : "memory");
}

} // namespace baton::arm64
