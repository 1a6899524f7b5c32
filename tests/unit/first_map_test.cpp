// SPDX-License-Identifier: BSD-2-Clause
#include "arch/arm64/mmu/around.hpp"
#include "hyp/memory/page_table.hpp"
#include "tests/unit/page_table_tape.hpp"
#include "tests/unit/page_table_walk.hpp"

#include <algorithm>
#include <array>

namespace baton {
namespace {

using arm64::HypMemory;
using arm64::outside;
using arm64::Stage1Format;
using test::Tape;
using test::TapedMemory;
using test::Walk;

struct Part {
    PhysRange range;
    HypMemory memory;
};

/// A map that holds Baton's image, and is walked for all of it after every store from then on.
class FirstMap {
  public:
    explicit FirstMap(PhysAddr start)
        : parts_{{{{start, 512 * KiB}, HypMemory::code},
                  {{start + 512 * KiB, 256 * KiB}, HypMemory::constants},
                  {{start + 768 * KiB, 3 * MiB}, HypMemory::data}}},
          own_{start, 768 * KiB + 3 * MiB},
          format_{Stage1Format::choose(5, {u64{1} << 48}, true).value()},
          tape_{format_.root_level()}, table_{format_, TapedMemory<PhysAddr>{tape_}} {
        REQUIRE(table_.reset());
        for (const Part& part : parts_) {
            REQUIRE(table_.map(part.range, part.range.begin, part.memory));
        }
        tape_.on_store = [this] { lost_ = lost_ || !is_whole(); };
    }

    /// Nothing of the image was ever gone, or had other rights.
    bool keeps_image(PhysRange range, HypMemory memory) {
        for (const PhysRange& part : outside(range, own_)) {
            REQUIRE(table_.map(part, part.begin, memory));
            const auto leaf = Walk::of(format_, table_.root())(part.begin.value);
            CHECK(leaf->attributes == attributes(memory));
        }
        return !lost_;
    }
    PhysRange own() const { return own_; }

  private:
    u64 attributes(HypMemory memory) const { return format_.leaf(3, PhysAddr{}, memory) & ~u64{3}; }

    bool is_whole() const {
        const Walk walk = Walk::of(format_, table_.root());
        return std::ranges::all_of(parts_, [&](const Part& part) {
            for (u64 at = part.range.begin.value; at < part.range.end().value; at += page_size) {
                const auto leaf = walk(at);
                if (!leaf || leaf->output != at || leaf->attributes != attributes(part.memory)) {
                    return false;
                }
            }
            return true;
        });
    }

    std::array<Part, 3> parts_;
    PhysRange own_;
    Stage1Format format_;
    Tape tape_;
    PageTable<Stage1Format, TapedMemory<PhysAddr>> table_;
    bool lost_ = false;
};

} // namespace

TEST_SUITE("first map") {
    TEST_CASE("Baton never loses a page of itself to what is mapped beside it") {
        // The second has a block of 2 MiB that holds nothing but .data, and an end in the next.
        for (const u64 start : {u64{0x4020'0000}, u64{0x6878'0000}, u64{0x689f'f000}}) {
            CAPTURE(start);
            FirstMap map{{start}};
            const PhysRange own = map.own();
            const PhysAddr dtb{align_down(own.end().value, 2 * MiB)};
            CHECK(map.keeps_image({dtb, 4 * MiB}, HypMemory::data));
            CHECK(map.keeps_image({own.end(), 64 * MiB}, HypMemory::constants));
            CHECK(map.keeps_image({own.begin - 64 * MiB, 64 * MiB}, HypMemory::constants));
            CHECK(map.keeps_image({own.end() + page_size, page_size}, HypMemory::device));
        }
    }

    TEST_CASE("a range over Baton's image is mapped on both sides of it") {
        FirstMap map{{0x6878'0000}};
        const PhysRange own = map.own();
        CHECK(map.keeps_image({own.begin - page_size, own.size + 2 * page_size},
                              HypMemory::constants));
        CHECK(outside(own, own).empty());
        CHECK(outside({own.begin + page_size, page_size}, own).empty());
        CHECK(outside({own.end(), page_size}, own)[0] == PhysRange{own.end(), page_size});
    }
}

} // namespace baton
