// SPDX-License-Identifier: BSD-2-Clause
#include "hyp/memory/range_set.hpp"

#include <doctest/doctest.h>
#include <random>
#include <set>

using namespace baton;

namespace {

constexpr PhysRange range(u64 begin, u64 end) { return PhysRange::between({begin}, {end}); }

template <usize capacity>
void check_order(const RangeSet<capacity>& set) {
    for (usize i = 0; i < set.size(); i++) {
        CHECK_FALSE(set[i].empty());
        if (i > 0) {
            CHECK(set[i - 1].end() < set[i].begin);
        }
    }
}

} // namespace

TEST_CASE("ranges that touch or overlap become one") {
    RangeSet<8> set;
    CHECK(set.add(range(10, 20)));
    CHECK(set.add(range(30, 40)));
    CHECK(set.size() == 2);
    CHECK(set.add(range(20, 30)));
    REQUIRE(set.size() == 1);
    CHECK(set[0] == range(10, 40));
    CHECK(set.add(range(0, 100)));
    CHECK(set[0] == range(0, 100));
    CHECK(set.add(range(5, 5)));
    CHECK(set.total() == 100);
}

TEST_CASE("subtracting cuts, shortens and removes") {
    RangeSet<8> set;
    CHECK(set.add(range(0, 100)));
    CHECK(set.subtract(range(40, 60)));
    REQUIRE(set.size() == 2);
    CHECK(set[0] == range(0, 40));
    CHECK(set[1] == range(60, 100));
    CHECK(set.subtract(range(30, 70)));
    CHECK(set[0] == range(0, 30));
    CHECK(set[1] == range(70, 100));
    CHECK(set.subtract(range(0, 100)));
    CHECK(set.empty());
    CHECK(set.subtract(range(0, 100)));
}

TEST_CASE("a full set refuses and stays as it is") {
    RangeSet<2> set;
    CHECK(set.add(range(0, 10)));
    CHECK(set.add(range(20, 30)));
    CHECK_FALSE(set.add(range(40, 50)));
    CHECK_FALSE(set.subtract(range(4, 5)));
    CHECK(set.size() == 2);
    CHECK(set[0] == range(0, 10));
    CHECK(set.add(range(10, 20))); // joins two into one
    CHECK(set.size() == 1);
    CHECK(set.subtract(range(4, 5)));
    CHECK(set.size() == 2);
}

TEST_CASE("the ends of the address space") {
    RangeSet<4> set;
    const u64 top = ~u64{0};
    CHECK(set.add(range(top - 10, top)));
    CHECK(set.add(range(0, 10)));
    CHECK(set.subtract(range(top - 5, top)));
    CHECK(set.total() == 15);
    CHECK(set.find_highest(6, 4) == range(4, 10));
    CHECK(set.find_highest(5, 1) == range(top - 10, top - 5));
    CHECK(set.find_lowest(10, 1) == range(0, 10));
}

TEST_CASE("free pieces are aligned and inside") {
    RangeSet<4> set;
    CHECK(set.add(range(0x1100, 0x3100)));
    CHECK(set.add(range(0x8000, 0x9000)));
    CHECK(set.find_highest(0x1000, 0x1000) == range(0x8000, 0x9000));
    CHECK(set.find_highest(0x1001, 0x1000) == range(0x2000, 0x3001));
    CHECK(set.find_highest(0x1101, 0x1000) == std::nullopt);
    CHECK(set.find_highest(0x1001, 0x100) == range(0x2000, 0x3001));
    CHECK(set.find_lowest(0x1000, 0x1000) == range(0x2000, 0x3000));
    CHECK(set.find_lowest(0x1000, 0x8000) == range(0x8000, 0x9000));
    CHECK_FALSE(set.find_lowest(0x3000, 1));
}

TEST_CASE("against a set of numbers") {
    std::mt19937 random(1);
    for (int round = 0; round < 200; round++) {
        RangeSet<64> set;
        std::set<u64> numbers;
        for (int step = 0; step < 60; step++) {
            const u64 begin = random() % 100;
            const u64 end = begin + random() % 20;
            const bool adds = random() % 2 == 0;
            CHECK((adds ? set.add(range(begin, end)) : set.subtract(range(begin, end))));
            for (u64 n = begin; n < end; n++) {
                if (adds) {
                    numbers.insert(n);
                } else {
                    numbers.erase(n);
                }
            }
        }
        check_order(set);
        CHECK(set.total() == numbers.size());
        for (u64 n = 0; n < 120; n++) {
            CHECK(set.contains(range(n, n + 1)) == numbers.contains(n));
            CHECK(set.overlaps(range(n, n + 1)) == numbers.contains(n));
        }
    }
}
