// SPDX-License-Identifier: BSD-2-Clause
#include "hyp/memory/bump.hpp"

#include <doctest/doctest.h>

using namespace baton;

TEST_CASE("pieces come one after another, aligned, until there is no room") {
    BumpAllocator pool{{{0x1000}, 0x3000}};
    CHECK(pool.take(0x10, 1) == PhysRange{{0x1000}, 0x10});
    CHECK(pool.take(0x10, 0x100) == PhysRange{{0x1100}, 0x10});
    CHECK(pool.take(0x2000, 0x1000) == PhysRange{{0x2000}, 0x2000});
    CHECK_FALSE(pool.take(1, 1));
    CHECK(pool.take(0, 1) == PhysRange{{0x4000}, 0});
}

TEST_CASE("what does not fit takes nothing") {
    BumpAllocator pool{{{0x1010}, 0x1000}};
    CHECK_FALSE(pool.take(0x1001, 1));
    CHECK_FALSE(pool.take(~u64{0}, 1));
    CHECK_FALSE(pool.take(1, 0x4000)); // the next such address is beyond its end
    CHECK_FALSE(pool.take(0x100, 0x1000));
    CHECK(pool.take(0x1000, 0x10) == PhysRange{{0x1010}, 0x1000});
    CHECK_FALSE(BumpAllocator{}.take(1, 1));
}
