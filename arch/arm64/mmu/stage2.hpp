// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "arch/arm64/mmu/stage2_format.hpp"
#include "hyp/memory/page_table.hpp"
#include "hyp/memory/table_pool.hpp"

#include <optional>
#include <span>

namespace baton::arm64 {

/// The entries of a stage-2 tree that is built while no CPU has it loaded, and not changed from
/// then on but by Stage2::empty(), which brings its own invalidation.
class Stage2Tables : public TablePool {
  public:
    using TablePool::TablePool;

    u64 load(const u64* entry) const { return __atomic_load_n(entry, __ATOMIC_RELAXED); }
    /// One single-copy atomic store: a walker sees the old entry or the new one.
    void store(u64* entry, u64 value) { __atomic_store_n(entry, value, __ATOMIC_RELAXED); }
    void publish();
    /// No TLB can hold what no CPU has loaded since the VMID was invalidated.
    void invalidate(GuestRange) {}
};

/// What one root maps. The later of the three wins where they overlap.
struct Stage2Map {
    std::span<const PhysRange> ram;
    std::span<const PhysRange> shared; ///< with another VM: RAM, too
    std::span<const PhysRange> devices;
    /// Baton's memory, the slot of the other root, devices that Baton emulates.
    std::span<const PhysRange> holes;
};

/// One stage-2 root of a VM, with its VMID and its own memory for tables. IPA = PA.
class Stage2 {
  public:
    /// @param tables memory for all tables of this root, mapped and cached; whole pages
    /// @param vmid   not 0, and no other root's
    Stage2(Stage2Format format, PhysRange tables, u8 vmid);

    /// Forgets the old content, invalidates the VMID on all CPUs and maps anew. No CPU may have
    /// this root loaded. Error::no_room: too little memory for tables. Error::busy: a lost CPU
    /// has it. On an error nothing is mapped.
    Result<> build(const Stage2Map& map);

    /// For a CPU that was lost in the guest: nothing translates any more when this returns, on
    /// any CPU, and all accesses made before are complete. Any CPU may have this root loaded. It
    /// is never built again: the lost CPU has it still, and would reach what is mapped then.
    void empty();

    /// This CPU's next guest runs on this root. The EL1 translation registers must be the next
    /// guest's before this: a walk made ahead from the last one's would stay under this VMID.
    void load() const;

    u8 vmid() const { return vmid_; }
    bool is_retired() const { return retired_; } ///< emptied

    Bits<VTTBR_EL2> vttbr_el2() const;
    Bits<VTCR_EL2> vtcr_el2() const { return table_.format().vtcr_el2(); }

    using Table = PageTable<Stage2Format, Stage2Tables>;
    std::optional<Table::Translation> lookup(GuestAddr address) const {
        return table_.lookup(address);
    }

  private:
    Result<> fill(const Stage2Map& map);
    void invalidate_vmid() const;

    Table table_;
    u8 vmid_;
    bool retired_ = false;
};

} // namespace baton::arm64
