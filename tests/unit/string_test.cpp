// SPDX-License-Identifier: BSD-2-Clause
#include "hyp/libc/memory_ops.hpp"

#include <algorithm>
#include <cstring>
#include <doctest/doctest.h>
#include <vector>

namespace libc = baton::libc;
using baton::u8;
using baton::usize;

namespace {

constexpr u8 untouched = 0xee;

std::vector<u8> pattern(usize size) {
    std::vector<u8> bytes(size);
    for (usize i = 0; i < size; i++) {
        bytes[i] = static_cast<u8>(i * 7 + 1);
    }
    return bytes;
}

} // namespace

TEST_CASE("copies of every alignment and length") {
    const auto source = pattern(120);
    for (usize from = 0; from < 9; from++) {
        for (usize to = 0; to < 9; to++) {
            for (usize size = 0; size < 90; size++) {
                std::vector<u8> target(120, untouched);
                libc::copy(target.data() + to, source.data() + from, size);
                std::vector<u8> expected(120, untouched);
                std::copy_n(source.begin() + static_cast<long>(from), size,
                            expected.begin() + static_cast<long>(to));
                REQUIRE(target == expected);
            }
        }
    }
}

TEST_CASE("moves within one buffer, both ways") {
    for (usize from = 0; from < 40; from++) {
        for (usize to = 0; to < 40; to++) {
            for (usize size = 0; size < 70; size++) {
                auto moved = pattern(110);
                auto expected = moved;
                libc::move(moved.data() + to, moved.data() + from, size);
                std::memmove(expected.data() + to, expected.data() + from, size);
                REQUIRE(moved == expected);
            }
        }
    }
}

TEST_CASE("fills") {
    for (usize to = 0; to < 9; to++) {
        for (usize size = 0; size < 90; size++) {
            std::vector<u8> target(120, untouched);
            libc::fill(target.data() + to, 0xa5, size);
            for (usize i = 0; i < target.size(); i++) {
                REQUIRE(target[i] == (i >= to && i < to + size ? 0xa5 : untouched));
            }
        }
    }
}

TEST_CASE("comparing and searching") {
    CHECK(libc::compare("abc", "abd", 2) == 0);
    CHECK(libc::compare("abc", "abd", 3) < 0);
    CHECK(libc::compare("\xff", "a", 1) > 0);
    CHECK(libc::compare("a", "b", 0) == 0);
    const char* text = "hello";
    CHECK(libc::find(text, 'l', 5) == text + 2);
    CHECK(libc::find(text, 'o', 4) == nullptr);
    CHECK(libc::length("abc", 10) == 3);
    CHECK(libc::length("abc", 2) == 2);
    CHECK(libc::find_last(text, 'l') == text + 3);
    CHECK(libc::find_last(text, 'x') == nullptr);
    CHECK(libc::find_last(text, '\0') == text + 5);
}
