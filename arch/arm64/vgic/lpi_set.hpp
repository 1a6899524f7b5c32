// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "arch/arm64/gic/intid.hpp"
#include "hyp/types.hpp"

#include <array>
#include <atomic>
#include <bit>
#include <optional>

namespace baton::arm64::gic {

/// LPIs that wait for a CPU's list registers. An LPI is an edge, so pending twice is pending once,
/// and the set has room for all there are. Any CPU may add; one that finds it empty pays a load.
class LpiSet {
  public:
    bool empty() const { return top_.load(std::memory_order_relaxed) == 0; }
    bool contains(Intid lpi) const {
        return lpi < lpi_end && (words_[word(lpi)].load() & bit(lpi)) != 0;
    }

    void add(Intid lpi) {
        if (lpi >= lpi_end) {
            return; // IDbits says that there is no such LPI
        }
        words_[word(lpi)].fetch_or(bit(lpi));
        mark(word(lpi));
    }
    /// False: it was not there.
    bool remove(Intid lpi) {
        const u64 old = words_[word(lpi)].fetch_and(~bit(lpi));
        if ((old & ~bit(lpi)) == 0) {
            unmark(word(lpi));
        }
        return (old & bit(lpi)) != 0;
    }
    void clear() {
        if (empty()) { // as nearly always, and each CPU asks in each handover
            return;
        }
        while (const auto lpi = first()) {
            words_[word(*lpi)].store(0);
            unmark(word(*lpi));
        }
    }

    std::optional<Intid> first() const {
        std::optional<Intid> found;
        for_each([&](Intid lpi) {
            found = lpi;
            return false;
        });
        return found;
    }
    /// Calls f(intid) for each by rising INTID until it returns false.
    template <class F>
    void for_each(F f) const {
        for (u64 top = top_.load(); top != 0; top &= top - 1) {
            const u32 group = lowest(top);
            for (u64 filled = filled_[group].load(); filled != 0; filled &= filled - 1) {
                const u32 at = group * 64 + lowest(filled);
                for (u64 bits = words_[at].load(); bits != 0; bits &= bits - 1) {
                    if (!f(Intid{index(first_lpi) + at * 64 + lowest(bits)})) {
                        return;
                    }
                }
            }
        }
    }

  private:
    static constexpr u32 word_count = (index(lpi_end) - index(first_lpi)) / 64;
    static constexpr u32 group_count = (word_count + 63) / 64;
    static_assert(group_count <= 64);

    static u32 word(Intid lpi) { return (index(lpi) - index(first_lpi)) / 64; }
    static u64 bit(Intid lpi) { return u64{1} << (index(lpi) % 64); }
    static u32 lowest(u64 bits) { return static_cast<u32>(std::countr_zero(bits)); }

    void mark(u32 at) {
        filled_[at / 64].fetch_or(u64{1} << (at % 64));
        top_.fetch_or(u64{1} << (at / 64));
    }
    /// A word has become empty. If another CPU adds to it meanwhile, one of the two sees the other.
    void unmark(u32 at) {
        filled_[at / 64].fetch_and(~(u64{1} << (at % 64)));
        if (filled_[at / 64].load() == 0) {
            top_.fetch_and(~(u64{1} << (at / 64)));
        }
        if (words_[at].load() != 0) {
            mark(at);
        } else if (filled_[at / 64].load() != 0) {
            top_.fetch_or(u64{1} << (at / 64));
        }
    }

    std::atomic<u64> top_{0};                            ///< groups that may have any
    std::array<std::atomic<u64>, group_count> filled_{}; ///< words that may have any
    std::array<std::atomic<u64>, word_count> words_{};
};

} // namespace baton::arm64::gic
