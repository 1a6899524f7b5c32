// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "arch/arm64/mmu/stage1_format.hpp"
#include "hyp/memory/page_table.hpp"
#include "hyp/memory/table_pool.hpp"

#include <optional>
#include <span>

namespace baton::arm64 {

/// The entries of Baton's own tables, which any CPU may be using meanwhile.
class Stage1Tables : public TablePool {
  public:
    using TablePool::TablePool;

    u64 load(const u64* entry) const { return __atomic_load_n(entry, __ATOMIC_RELAXED); }
    /// One single-copy atomic store: a walker sees the old entry or the new one.
    void store(u64* entry, u64 value) { __atomic_store_n(entry, value, __ATOMIC_RELAXED); }
    void publish();
    void invalidate(PhysRange);
};

/// A piece of Baton's address space, mapped where it is.
struct HypRegion {
    PhysRange range;
    HypMemory memory;
};

/// All that a CPU needs to run on Baton's tables. Plain values: a CPU that comes up with its MMU
/// off can be given a copy that was cleaned to the point of coherency.
struct El2Translation {
    Bits<MAIR_EL2> mair;
    Bits<TCR_EL2> tcr;
    Bits<TTBR0_EL2> ttbr0;
    Bits<SCTLR_EL2> sctlr;
};

/// Baton's identity map at EL2.
class Stage1 {
  public:
    /// @param tables memory for all its tables; whole pages
    Stage1(Stage1Format format, PhysRange tables);

    /// Builds anew, while no CPU uses this map. A later region wins where two overlap. `holes`
    /// (guard pages) are unmapped last. Works with the MMU on or off.
    /// Error::no_room: too little memory for tables.
    Result<> build(std::span<const HypRegion> regions, std::span<const PhysRange> holes);

    /// Changes the map that CPUs may be using. A leaf that has to be split does not translate for
    /// a moment: never change a part of a leaf that holds Baton's code, stacks, tables or data in
    /// use. Such things belong into build().
    Result<> map(const HypRegion& region);
    Result<> unmap(PhysRange range);

    El2Translation translation() const;

    using Table = PageTable<Stage1Format, Stage1Tables>;
    std::optional<Table::Translation> lookup(PhysAddr address) const {
        return table_.lookup(address);
    }

  private:
    Result<> fill(std::span<const HypRegion> regions, std::span<const PhysRange> holes);

    Table table_;
};

/// Puts this CPU onto the tables, with MMU and caches on. The MMU may be off (coming up) or on
/// (leaving an earlier map). Code, stack and `translation` must be mapped in the new tables.
///
/// A CPU whose MMU is off reads and writes memory past the caches. Whatever it wrote so, its
/// stack, relocations and tables included, must have been cleaned and invalidated to the point of
/// coherency (cache.hpp) before this: a line that a loader or a prefetch left in a cache would
/// hide it from now on. Stage1::build() does it for the tables.
///
/// The keys of pointer authentication stay off; assembly turns them on, outside of any function.
void install(const El2Translation& translation);

} // namespace baton::arm64
