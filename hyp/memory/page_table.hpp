// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/address.hpp"
#include "hyp/result.hpp"
#include "hyp/types.hpp"

#include <concepts>
#include <optional>

namespace baton {

/// The shape and the entries of one kind of page table. Level 0 is the topmost that the
/// architecture knows; a walk begins at `root_level()`. All functions that take a level and an
/// entry expect an entry of that level. An entry of 0 is invalid in every format.
template <class F>
concept PageTableFormat =
    requires(const F format, typename F::Attributes attributes, u64 entry, unsigned level) {
        typename F::Input;
        { F::last_level } -> std::convertible_to<unsigned>;
        { F::entries_per_table } -> std::convertible_to<usize>;
        /// Bytes that one entry of this level translates: a power of two.
        { F::span(level) } -> std::same_as<u64>;
        { F::may_be_leaf(level) } -> std::same_as<bool>;
        { format.root_level() } -> std::same_as<unsigned>;
        /// Concatenated tables at the root: a power of two, mostly 1.
        { format.root_tables() } -> std::same_as<usize>;
        { format.input_size() } -> std::same_as<u64>;
        { format.output_size() } -> std::same_as<u64>;
        { format.leaf(level, PhysAddr{}, attributes) } -> std::same_as<u64>;
        { format.table(PhysAddr{}) } -> std::same_as<u64>;
        { format.is_leaf(level, entry) } -> std::same_as<bool>;
        { format.is_table(level, entry) } -> std::same_as<bool>;
        { format.output(level, entry) } -> std::same_as<PhysAddr>;
        { format.attributes(level, entry) } -> std::same_as<typename F::Attributes>;
    };

/// Where tables live and how their entries are written. Every load and store of an entry goes
/// through it, so that a test can replay them and a table that walkers use meanwhile gets its
/// barriers and invalidations; a table built before its first use needs neither.
template <class M, class Input>
concept TableMemory = requires(M memory, const M view, u64* entry, usize tables) {
    /// Zeroed pages, one after the other, aligned to their total size. `tables`: a power of two.
    { memory.allocate(tables) } -> std::same_as<Result<u64*>>;
    { memory.free(entry) };
    /// Takes all tables back at once.
    { memory.reset() };
    { view.load(entry) } -> std::same_as<u64>;
    { memory.store(entry, u64{}) };
    /// Walkers see the stores before it before those after it.
    { memory.publish() };
    /// Returns when no walker uses any more what was translated for this range, of whichever
    /// level, before the last publish().
    { memory.invalidate(Range<Input>{}) };
    { view.address_of(entry) } -> std::same_as<PhysAddr>;
    { view.table_at(PhysAddr{}) } -> std::same_as<u64*>;
};

/// A tree of page tables. Invariants that hold after every single store, for whoever walks it:
///  - a table is complete and published before an entry points to it;
///  - a valid entry becomes another valid one only by way of invalid, publish, invalidate
///    (break-before-make, Arm ARM D8.16), so between the two its range may fault;
///  - a table is freed after the invalidation that follows its unlinking.
/// One thread at a time may change it.
template <PageTableFormat Format, TableMemory<typename Format::Input> Memory>
class PageTable {
  public:
    using Input = typename Format::Input;
    using Attributes = typename Format::Attributes;
    using InputRange = Range<Input>;

    struct Translation {
        PhysAddr output;
        Attributes attributes;
        unsigned level;
        constexpr bool operator==(const Translation&) const = default;
    };

    /// Without a root: reset() comes first.
    constexpr PageTable(Format format, Memory memory) : format_{format}, memory_{memory} {}

    /// Hands all tables back and begins with an empty root. No walker may use the old ones.
    Result<> reset() {
        memory_.reset();
        root_ = nullptr;
        const auto root = memory_.allocate(format_.root_tables());
        if (!root) {
            return std::unexpected(root.error());
        }
        root_ = *root;
        memory_.publish();
        return {};
    }

    /// Maps whole pages with the largest leaves that fit; what was mapped there is replaced.
    /// Error::bad_range: not whole pages, or beyond the format. Error::no_room: a part may be
    /// mapped, the rest translates as before.
    Result<> map(InputRange range, PhysAddr output, Attributes attributes) {
        if (!is_within(range.begin.value, range.size, format_.input_size()) ||
            !is_within(output.value, range.size, format_.output_size())) {
            return std::unexpected(Error::bad_range);
        }
        const auto done = update(root_, format_.root_level(), range,
                                 Target{range.begin, output, attributes}, true);
        memory_.publish();
        return done;
    }

    /// Error::no_room: a leaf had to be split and there was no table left for it.
    Result<> unmap(InputRange range) {
        if (!is_within(range.begin.value, range.size, format_.input_size())) {
            return std::unexpected(Error::bad_range);
        }
        const auto done = update(root_, format_.root_level(), range, std::nullopt, true);
        memory_.publish();
        memory_.invalidate(range);
        return done;
    }

    std::optional<Translation> lookup(Input address) const {
        if (root_ == nullptr || address.value >= format_.input_size()) {
            return std::nullopt;
        }
        const u64* table = root_;
        for (unsigned level = format_.root_level();; level++) {
            const u64 entry = memory_.load(table + slot(level, address));
            if (format_.is_leaf(level, entry)) {
                const u64 offset = address.value & (Format::span(level) - 1);
                return Translation{format_.output(level, entry) + offset,
                                   format_.attributes(level, entry), level};
            }
            if (!format_.is_table(level, entry)) {
                return std::nullopt;
            }
            table = memory_.table_at(format_.output(level, entry));
        }
    }

    /// Nothing translates any more, with as few stores as there can be. The tables below stay as
    /// they are until reset(). The caller invalidates: it knows who may still use what.
    void clear_root() {
        for (usize i = 0; i < format_.root_tables() * Format::entries_per_table; i++) {
            if (memory_.load(root_ + i) != 0) {
                memory_.store(root_ + i, 0);
            }
        }
        memory_.publish();
    }

    PhysAddr root() const { return memory_.address_of(root_); }
    const Format& format() const { return format_; }
    Memory& memory() { return memory_; }

  private:
    /// What a range is to translate to.
    struct Target {
        Input begin;
        PhysAddr output;
        Attributes attributes;

        constexpr PhysAddr at(Input address) const {
            return {output.value + (address.value - begin.value)};
        }
    };

    static constexpr bool is_within(u64 begin, u64 size, u64 limit) {
        return is_aligned(begin, page_size) && is_aligned(size, page_size) && begin <= limit &&
               size <= limit - begin;
    }

    /// The root's tables are walked as one, so its index is not cut to one table's.
    usize slot(unsigned level, Input address) const {
        const u64 index = address.value / Format::span(level);
        return level == format_.root_level() ? index : index % Format::entries_per_table;
    }

    static InputRange span_of(unsigned level, Input address) {
        return {{align_down(address.value, Format::span(level))}, Format::span(level)};
    }

    /// The entry that translates all of `span` to the target: 0 to unmap, nothing when a leaf of
    /// this level cannot do it.
    std::optional<u64> whole_entry(unsigned level, InputRange span,
                                   const std::optional<Target>& target) const {
        if (!target) {
            return 0;
        }
        const PhysAddr output = target->at(span.begin);
        if (!Format::may_be_leaf(level) || !output.is_aligned(span.size)) {
            return std::nullopt;
        }
        return format_.leaf(level, output, target->attributes);
    }

    /// @param linked walkers can reach `table`
    Result<> update(u64* table, unsigned level, InputRange range,
                    const std::optional<Target>& target, bool linked) {
        for (Input at = range.begin; at < range.end();) {
            const InputRange span = span_of(level, at);
            const Input next = span.end() < range.end() ? span.end() : range.end();
            const InputRange part = InputRange::between(at, next);
            u64* const entry = table + slot(level, at);
            const auto whole = whole_entry(level, span, target);
            if (whole && part == span) {
                replace(entry, level, span, *whole, linked);
            } else if (const bool unchanged = whole && *whole == memory_.load(entry); !unchanged) {
                if (const auto done = update_part(entry, level, span, part, target, linked);
                    !done) {
                    return done;
                }
            }
            at = next;
        }
        return {};
    }

    /// Changes a part of what `entry` translates. A table that has to be made for it is linked
    /// when it is finished, so that a walker finds either the old entry or all of the new ones.
    Result<> update_part(u64* entry, unsigned level, InputRange span, InputRange part,
                         const std::optional<Target>& target, bool linked) {
        const u64 old = memory_.load(entry);
        if (format_.is_table(level, old)) {
            return update(memory_.table_at(format_.output(level, old)), level + 1, part, target,
                          linked);
        }
        const auto child = memory_.allocate(1);
        if (!child) {
            return std::unexpected(child.error());
        }
        if (format_.is_leaf(level, old)) {
            split(*child, level, old);
        }
        if (const auto done = update(*child, level + 1, part, target, false); !done) {
            free_tree(*child, level + 1);
            return done;
        }
        if (linked) {
            memory_.publish();
        }
        replace(entry, level, span, format_.table(memory_.address_of(*child)), linked);
        return {};
    }

    void split(u64* child, unsigned level, u64 leaf) {
        const u64 span = Format::span(level + 1);
        for (usize i = 0; i < Format::entries_per_table; i++) {
            memory_.store(child + i, format_.leaf(level + 1, format_.output(level, leaf) + i * span,
                                                  format_.attributes(level, leaf)));
        }
    }

    /// A leaf that only goes is invalidated by unmap(), once for its whole range.
    void replace(u64* entry, unsigned level, InputRange span, u64 value, bool linked) {
        const u64 old = memory_.load(entry);
        if (old == value) {
            return;
        }
        const bool was_table = format_.is_table(level, old);
        if (linked && old != 0 && (value != 0 || was_table)) {
            memory_.store(entry, 0);
            memory_.publish();
            memory_.invalidate(span);
        }
        if (value != memory_.load(entry)) {
            memory_.store(entry, value);
        }
        if (was_table) {
            free_tree(memory_.table_at(format_.output(level, old)), level + 1);
        }
    }

    void free_tree(u64* table, unsigned level) {
        for (usize i = 0; level < Format::last_level && i < Format::entries_per_table; i++) {
            if (const u64 entry = memory_.load(table + i); format_.is_table(level, entry)) {
                free_tree(memory_.table_at(format_.output(level, entry)), level + 1);
            }
        }
        memory_.free(table);
    }

    Format format_;
    Memory memory_;
    u64* root_ = nullptr;
};

} // namespace baton
