// SPDX-License-Identifier: BSD-2-Clause
#include "hyp/memory/table_pool.hpp"

#include <doctest/doctest.h>

#include <cstdlib>
#include <cstring>
#include <memory>
#include <set>

namespace baton {
namespace {

struct Fixture {
    static constexpr u64 size = 64 * page_size;
    /// One page off, so that a run of pages needs aligning.
    std::unique_ptr<void, decltype(&std::free)> memory{std::aligned_alloc(size, size), &std::free};
    PhysRange pages{{reinterpret_cast<u64>(memory.get()) + page_size}, size - page_size};
    TablePool pool{pages};

    Fixture() { std::memset(memory.get(), 0xa5, size); }

    static bool is_zero(const u64* table, usize tables) {
        for (usize i = 0; i < tables * TablePool::entries; i++) {
            if (table[i] != 0) {
                return false;
            }
        }
        return true;
    }
    usize take_all() {
        usize count = 0;
        while (const auto table = pool.allocate(1)) {
            CHECK(is_zero(*table, 1));
            CHECK(seen.insert(*table).second);
            CHECK(pages.contains(PhysRange{pool.address_of(*table), page_size}));
            (*table)[7] = 7;
            count++;
        }
        return count;
    }
    std::set<const u64*> seen;
};

} // namespace

TEST_SUITE("table pool") {
    TEST_CASE_FIXTURE(Fixture, "every page once, zeroed, and the end is told") {
        CHECK(take_all() == 63);
        CHECK(pool.allocate(1).error() == Error::no_room);
    }

    TEST_CASE_FIXTURE(Fixture, "a run is aligned to its size, and what it skips is not lost") {
        const auto run = pool.allocate(16);
        REQUIRE(run);
        CHECK(pool.address_of(*run).is_aligned(16 * page_size));
        CHECK(is_zero(*run, 16));
        CHECK(take_all() == 63 - 16);
        CHECK_FALSE(seen.contains(*run));
        CHECK(pool.allocate(16).error() == Error::no_room);
    }

    TEST_CASE_FIXTURE(Fixture, "freed pages come again, zeroed") {
        u64* const first = pool.allocate(1).value();
        u64* const second = pool.allocate(1).value();
        second[511] = 1;
        pool.free(first);
        pool.free(second);
        CHECK(take_all() == 63);
    }

    TEST_CASE_FIXTURE(Fixture, "reset takes all back") {
        take_all();
        pool.free(const_cast<u64*>(*seen.begin()));
        pool.reset();
        seen.clear();
        CHECK(take_all() == 63);
    }

    TEST_CASE("without memory there is nothing to have") {
        TablePool none;
        CHECK(none.allocate(1).error() == Error::no_room);
    }
}

} // namespace baton
