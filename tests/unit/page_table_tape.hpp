// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/address.hpp"
#include "hyp/result.hpp"

#include <doctest/doctest.h>

#include <cstdlib>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <vector>

namespace baton::test {

/// Watches every store to a tree of page tables as if walkers used it all the time:
///  - a table is linked only after all of it was published;
///  - a valid entry becomes another valid one only by way of invalid, publish, invalidate;
///  - a table is freed only after the entry that led to it went that way.
/// A violation fails the running test.
class Tape {
  public:
    explicit Tape(unsigned root_level) : root_level_{root_level} {}

    /// Called after each store.
    std::function<void()> on_store = [] {};
    /// Tables that can still be allocated.
    usize budget = ~usize{0};
    usize stores = 0;
    usize invalidations = 0;

    usize tables_in_use() const { return owned_.size(); }

    Result<u64*> allocate(usize count) {
        if (budget < count) {
            return std::unexpected(Error::no_room);
        }
        const usize size = count * page_size;
        auto* const block = static_cast<u64*>(std::aligned_alloc(size, size));
        blocks_.emplace_back(block, &std::free);
        for (usize i = 0; i < size / sizeof(u64); i++) {
            block[i] = 0;
            unpublished_.insert(block + i);
        }
        for (usize i = 0; i < count; i++) {
            const u64* const table = block + i * 512;
            owned_.insert(table);
            if (!has_root_) {
                linked_[table] = {root_level_, i * 512 * span(root_level_)};
            }
        }
        has_root_ = true;
        budget -= count;
        return block;
    }

    void free(u64* table) {
        REQUIRE_MESSAGE(owned_.erase(table) == 1, "freed what was not allocated");
        CHECK_MESSAGE(!linked_.contains(table), "freed while linked");
        for (const auto& [entry, broken] : broken_) {
            CHECK_MESSAGE(!broken.tables.contains(table), "freed before its invalidation");
        }
        unpublished_.erase(unpublished_.lower_bound(table), unpublished_.lower_bound(table + 512));
        for (usize i = 0; i < 512; i++) {
            table[i] = ~u64{0}; // whoever still walks it gets lost
        }
        budget++;
    }

    void reset() {
        budget += owned_.size();
        blocks_.clear();
        owned_.clear();
        linked_.clear();
        unpublished_.clear();
        broken_.clear();
        has_root_ = false;
    }

    void store(u64* entry, u64 value) {
        stores++;
        if (const auto place = find(entry)) {
            store_linked(entry, *place, value);
        }
        *entry = value;
        unpublished_.insert(entry);
        on_store();
    }

    void publish() {
        unpublished_.clear();
        for (auto& [entry, broken] : broken_) {
            broken.published = true;
        }
    }

    void invalidate(u64 begin, u64 size) {
        invalidations++;
        std::erase_if(broken_, [&](const auto& item) {
            const Broken& broken = item.second;
            return broken.published && broken.begin >= begin &&
                   broken.begin + broken.size <= begin + size;
        });
    }

    /// Whether an entry that was broken and is not invalidated or made again yet, covers this.
    bool may_fault(u64 address) const {
        for (const auto& [entry, broken] : broken_) {
            if (address >= broken.begin && address - broken.begin < broken.size) {
                return true;
            }
        }
        return faulting_ && address >= faulting_->begin &&
               address - faulting_->begin < faulting_->size;
    }

    /// Between operations: all published, all invalidated, every table in use linked.
    void check_settled() {
        CHECK(unpublished_.empty());
        CHECK(broken_.empty());
        CHECK(linked_.size() == owned_.size());
        faulting_.reset();
    }

  private:
    struct Place {
        unsigned level;
        u64 begin;
    };
    struct Broken {
        u64 begin;
        u64 size;
        bool published;
        std::set<const u64*> tables;
    };
    struct Span {
        u64 begin;
        u64 size;
    };

    static u64 span(unsigned level) { return u64{1} << (39 - 9 * level); }
    static bool is_table(u64 entry, unsigned level) { return level < 3 && (entry & 3) == 3; }
    static const u64* next(u64 entry) {
        return reinterpret_cast<const u64*>(entry & 0x0000'ffff'ffff'f000);
    }

    /// Where an entry stands in the tree; nothing for one that no walker can find.
    std::optional<Place> find(const u64* entry) const {
        const auto at = linked_.upper_bound(entry);
        if (at == linked_.begin()) {
            return std::nullopt;
        }
        const auto& [table, place] = *std::prev(at);
        if (entry >= table + 512) {
            return std::nullopt;
        }
        return Place{place.level,
                     place.begin + static_cast<u64>(entry - table) * span(place.level)};
    }

    void store_linked(u64* entry, Place place, u64 value) {
        const bool was_valid = (*entry & 1) != 0;
        const bool is_valid = (value & 1) != 0;
        const Span covered{place.begin, span(place.level)};
        if (was_valid && is_valid && *entry != value) {
            FAIL_CHECK("break-before-make");
        }
        if (is_valid && broken_.contains(entry)) {
            FAIL_CHECK("made before the break was invalidated");
        }
        if (is_valid && is_table(value, place.level)) {
            link(next(value), {place.level + 1, place.begin});
        }
        if (was_valid && !is_valid) {
            Broken& broken = broken_[entry] = {covered.begin, covered.size, false, {}};
            if (is_table(*entry, place.level)) {
                unlink(next(*entry), place.level + 1, broken.tables);
            }
            faulting_ = covered;
        } else if (is_valid) {
            faulting_.reset();
        }
    }

    void link(const u64* table, Place place) {
        const auto at = unpublished_.lower_bound(table);
        CHECK_MESSAGE((at == unpublished_.end() || *at >= table + 512),
                      "linked before it was published");
        CHECK_MESSAGE(owned_.contains(table), "linked what was not allocated");
        linked_[table] = place;
        for (usize i = 0; i < 512; i++) {
            if (is_table(table[i], place.level)) {
                link(next(table[i]), {place.level + 1, place.begin + i * span(place.level)});
            }
        }
    }

    void unlink(const u64* table, unsigned level, std::set<const u64*>& tables) {
        linked_.erase(table);
        tables.insert(table);
        for (usize i = 0; i < 512; i++) {
            if (is_table(table[i], level)) {
                unlink(next(table[i]), level + 1, tables);
            }
        }
    }

    unsigned root_level_;
    bool has_root_ = false;
    std::vector<std::unique_ptr<u64, decltype(&std::free)>> blocks_;
    std::set<const u64*> owned_;
    std::map<const u64*, Place> linked_;
    std::set<const u64*> unpublished_;
    std::map<const u64*, Broken> broken_;
    /// What does not translate between break and make, the invalidation in between included.
    std::optional<Span> faulting_;
};

/// The memory policy of a PageTable under test. What it does is on the tape.
template <class Input>
class TapedMemory {
  public:
    explicit TapedMemory(Tape& tape) : tape_{&tape} {}

    Result<u64*> allocate(usize tables) { return tape_->allocate(tables); }
    void free(u64* table) { tape_->free(table); }
    void reset() { tape_->reset(); }
    u64 load(const u64* entry) const { return *entry; }
    void store(u64* entry, u64 value) { tape_->store(entry, value); }
    void publish() { tape_->publish(); }
    void invalidate(Range<Input> range) { tape_->invalidate(range.begin.value, range.size); }
    PhysAddr address_of(const u64* table) const { return {reinterpret_cast<u64>(table)}; }
    u64* table_at(PhysAddr address) const { return reinterpret_cast<u64*>(address.value); }

  private:
    Tape* tape_;
};

} // namespace baton::test
