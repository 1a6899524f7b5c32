// SPDX-License-Identifier: BSD-2-Clause
#include "hyp/libc/memory_ops.hpp"

#include <algorithm>
#include <cstring>
#include <doctest/doctest.h>
#include <string_view>
#include <vector>

// The C functions, beside the build machine's own.
#define memcpy baton_memcpy
#define memmove baton_memmove
#define memset baton_memset
#define memcmp baton_memcmp
#define memchr baton_memchr
#define strlen baton_strlen
#define strnlen baton_strnlen
#define strrchr baton_strrchr
#include "hyp/libc/string.cpp"
#undef memcpy
#undef memmove
#undef memset
#undef memcmp
#undef memchr
#undef strlen
#undef strnlen
#undef strrchr

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

TEST_CASE("the C functions are those of <string.h>") {
    char text[8] = "abcdef";
    CHECK(baton_memcpy(text + 1, "xy", 2) == text + 1);
    CHECK(std::string_view{text} == "axydef");
    CHECK(baton_memmove(text + 1, text, 6) == text + 1);
    CHECK(std::string_view{text} == "aaxydef");
    CHECK(baton_memmove(text, text + 1, 7) == text);
    CHECK(std::string_view{text} == "axydef");
    CHECK(baton_memset(text + 4, 0x100 + 'z', 2) == text + 4); // the value's last byte
    CHECK(std::string_view{text} == "axydzz");

    CHECK(baton_memcmp("ab", "ac", 1) == 0);
    CHECK(baton_memcmp("ab", "ac", 2) < 0);
    CHECK(baton_memcmp("b", "a", 1) > 0);
    CHECK(baton_memchr(text, 0x100 + 'y', 6) == text + 2);
    CHECK(baton_memchr(text, 'y', 2) == nullptr);
    CHECK(baton_strlen(text) == 6);
    CHECK(baton_strlen("") == 0);
    CHECK(baton_strnlen(text, 4) == 4);
    CHECK(baton_strnlen(text, 40) == 6);
    CHECK(baton_strrchr(text, 'z') == text + 5);
    CHECK(baton_strrchr(text, 'b') == nullptr);
}
