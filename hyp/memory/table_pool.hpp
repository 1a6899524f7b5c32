// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/address.hpp"
#include "hyp/result.hpp"
#include "hyp/types.hpp"

namespace baton {

/// Pages for one tree of page tables, out of one piece of memory that Baton has mapped where it
/// is. It writes nothing to a page before that page is handed out.
class TablePool {
  public:
    static constexpr usize entries = page_size / sizeof(u64);

    constexpr TablePool() = default;
    /// @param pages whole pages, which nobody else uses
    explicit constexpr TablePool(PhysRange pages) : pages_{pages}, next_{pages.begin} {}

    /// @param tables how many pages in a row: a power of two. They are zero, and aligned to their
    ///        total size as the Arm ARM wants it of concatenated tables.
    Result<u64*> allocate(usize tables) {
        if (tables == 1 && free_ != nullptr) {
            u64* const table = free_;
            free_ = to_table({*table});
            return zeroed(table, 1);
        }
        const u64 size = tables * page_size;
        const PhysAddr begin{align_up(next_.value, size)};
        if (!pages_.contains(PhysRange{begin, size})) {
            return std::unexpected(Error::no_room);
        }
        for (PhysAddr skipped = next_; skipped < begin; skipped = skipped + page_size) {
            free(to_table(skipped));
        }
        next_ = begin + size;
        return zeroed(to_table(begin), tables);
    }

    /// No walker may reach the table any more.
    void free(u64* table) {
        *table = address_of(free_).value;
        free_ = table;
    }

    void reset() {
        next_ = pages_.begin;
        free_ = nullptr;
    }

    PhysAddr address_of(const u64* table) const { return {reinterpret_cast<u64>(table)}; }
    u64* table_at(PhysAddr address) const { return to_table(address); }
    PhysRange pages() const { return pages_; }

  private:
    static u64* to_table(PhysAddr address) { return reinterpret_cast<u64*>(address.value); }

    static u64* zeroed(u64* table, usize tables) {
        for (usize i = 0; i < tables * entries; i++) {
            table[i] = 0;
        }
        return table;
    }

    PhysRange pages_{};
    PhysAddr next_{};
    u64* free_ = nullptr;
};

} // namespace baton
