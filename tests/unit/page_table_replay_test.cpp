// SPDX-License-Identifier: BSD-2-Clause
#include "hyp/memory/page_table.hpp"
#include "tests/unit/page_table_tape.hpp"
#include "tests/unit/page_table_walk.hpp"

#include <algorithm>
#include <array>
#include <random>
#include <vector>

namespace baton {
namespace {

using arm64::GuestMemory;
using arm64::HypMemory;
using arm64::Stage1Format;
using arm64::Stage2Format;
using test::Tape;
using test::TapedMemory;
using test::Walk;

/// What a table should do, as simply as it can be said: the last operation on an address counts.
template <class Format>
class Reference {
  public:
    using Attributes = typename Format::Attributes;
    struct Operation {
        u64 begin;
        u64 size;
        u64 output;
        std::optional<Attributes> attributes; ///< nothing: unmapped
    };

    explicit Reference(Format format) : format_{format} {}

    void apply(Operation operation) { operations_.push_back(operation); }
    void forget_last() { operations_.pop_back(); }

    /// Whether a walk's result is right. A leaf of any level will do.
    bool agrees(u64 address, const std::optional<Walk::Leaf>& leaf) const {
        for (auto at = operations_.rbegin(); at != operations_.rend(); ++at) {
            if (address >= at->begin && address - at->begin < at->size) {
                if (!at->attributes) {
                    return !leaf;
                }
                const u64 page = format_.leaf(3, PhysAddr{0}, *at->attributes);
                return leaf && leaf->output == at->output + (address - at->begin) &&
                       leaf->attributes == (page & ~u64{3});
            }
        }
        return !leaf;
    }

    /// Addresses at which something could go wrong: either side of every border.
    std::vector<u64> borders() const {
        std::vector<u64> all;
        for (const Operation& operation : operations_) {
            for (const u64 border : {operation.begin, operation.begin + operation.size}) {
                for (const u64 unit : {4 * KiB, 2 * MiB, 1 * GiB}) {
                    all.push_back(align_down(border, unit));
                    all.push_back(align_down(border, unit) - 1);
                }
            }
        }
        std::erase_if(all, [&](u64 address) { return address >= format_.input_size(); });
        return all;
    }

  private:
    Format format_;
    std::vector<Operation> operations_;
};

template <class Format>
class Replay {
  public:
    using Attributes = typename Format::Attributes;
    using Input = typename Format::Input;

    Replay(Format format, std::vector<Attributes> attributes, u32 seed)
        : format_{format}, attributes_{attributes}, tape_{format.root_level()},
          table_{format, TapedMemory<Input>{tape_}}, before_{format}, after_{format},
          random_{seed} {
        REQUIRE(table_.reset());
    }

    void run(usize operations) {
        for (usize i = 0; i < operations; i++) {
            CAPTURE(i);
            step();
            tape_.check_settled();
            for (const u64 address : after_.borders()) {
                check(address, true);
            }
        }
    }

  private:
    u64 below(u64 limit) { return std::uniform_int_distribution<u64>{0, limit - 1}(random_); }

    /// Sizes and alignments of every magnitude, close together so that they overlap, at the bottom
    /// of the address space, in the middle and at its end. The output's alignment can be one size
    /// of leaf below the input's, and then the range is short: a leaf is at most 512 stores.
    typename Reference<Format>::Operation draw() {
        constexpr u64 window = 8 * GiB;
        constexpr std::array<u64, 3> units{4 * KiB, 2 * MiB, 1 * GiB};
        const std::array<u64, 3> windows{0, format_.input_size() / 2 - window / 2,
                                         format_.input_size() - window};
        const u64 step = below(3);
        const u64 output_step = step == 0 ? below(3) : step - below(2);
        const u64 unit = units[step];
        const u64 output_unit = units[output_step];
        const u64 size = (1 + below(unit == 1 * GiB || output_step < step ? 3 : 700)) * unit;
        const u64 begin = windows[below(3)] + below((window - size) / unit + 1) * unit;
        const u64 output_limit = format_.output_size() - size;
        const u64 output = below(2) == 0 && begin <= output_limit
                               ? begin
                               : below(output_limit / output_unit) * output_unit;
        if (below(3) == 0) {
            return {begin, size, 0, std::nullopt};
        }
        return {begin, size, output, attributes_[below(attributes_.size())]};
    }

    void step() {
        const auto operation = draw();
        after_.apply(operation);
        watched_ = after_.borders();
        std::shuffle(watched_.begin(), watched_.end(), random_);
        watched_.resize(std::min<usize>(watched_.size(), 24));
        tape_.on_store = [this] {
            for (const u64 address : watched_) {
                check(address, false);
            }
        };
        if (operation.attributes) {
            REQUIRE(table_.map({{operation.begin}, operation.size}, {operation.output},
                               *operation.attributes));
        } else {
            REQUIRE(table_.unmap({{operation.begin}, operation.size}));
        }
        before_.apply(operation);
    }

    void check(u64 address, bool finished) {
        const auto leaf = Walk::of(format_, table_.root())(address);
        const bool right =
            after_.agrees(address, leaf) ||
            (!finished && (before_.agrees(address, leaf) || (!leaf && tape_.may_fault(address))));
        if (!right) {
            CAPTURE(address);
            FAIL_CHECK("translates neither as before nor as after");
        }
        if (finished) {
            const auto found = table_.lookup({address});
            const bool same =
                found.has_value() == leaf.has_value() &&
                (!leaf || (found->output.value == leaf->output && found->level == leaf->level));
            if (!same) {
                CAPTURE(address);
                FAIL_CHECK("lookup and walk differ");
            }
        }
    }

    Format format_;
    std::vector<Attributes> attributes_;
    Tape tape_;
    PageTable<Format, TapedMemory<Input>> table_;
    Reference<Format> before_;
    Reference<Format> after_;
    std::vector<u64> watched_;
    std::mt19937 random_;
};

} // namespace

TEST_SUITE("page table replay") {
    TEST_CASE("stage 2: no store leaves a broken state") {
        struct Geometry {
            u64 pa_range;
            u64 end;
        };
        const std::vector kinds{GuestMemory::ram, GuestMemory::device};
        for (const auto [pa_range, end] :
             {Geometry{2, 512 * GiB}, Geometry{2, 1024 * GiB}, Geometry{4, 8192 * GiB},
              Geometry{4, 8193 * GiB}, Geometry{5, u64{1} << 48}}) {
            for (u32 seed = 1; seed <= 8; seed++) {
                CAPTURE(end);
                CAPTURE(seed);
                Replay{Stage2Format::choose(pa_range, {end}).value(), kinds, seed}.run(40);
            }
        }
    }

    TEST_CASE("stage 1: no store leaves a broken state") {
        const std::vector kinds{HypMemory::code, HypMemory::constants, HypMemory::data,
                                HypMemory::device};
        for (const u64 end : {512 * GiB, 1024 * GiB}) {
            for (u32 seed = 1; seed <= 8; seed++) {
                CAPTURE(end);
                CAPTURE(seed);
                Replay{Stage1Format::choose(5, {end}, true).value(), kinds, seed}.run(40);
            }
        }
    }
}

} // namespace baton
