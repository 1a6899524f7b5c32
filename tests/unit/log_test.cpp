// SPDX-License-Identifier: BSD-2-Clause
#include "hyp/log/log.hpp"

#include <doctest/doctest.h>
#include <string>

using namespace baton;

namespace {

std::string read_from(u64 position, u64 room = ~u64{0}) {
    std::string text;
    log::read(position, room, [&](std::string_view piece) { text += piece; });
    return text;
}
u64 end_of_log() {
    u64 position = 0;
    u64 size = 0;
    log::read(position, ~u64{0}, [&](std::string_view piece) { size += piece.size(); });
    return position + size;
}

} // namespace

TEST_CASE("a line is read back, and from its middle on") {
    const u64 begin = end_of_log();
    log::line("CPU {} of {}", 3, 8);
    CHECK(read_from(begin) == "baton: CPU 3 of 8\n");
    CHECK(read_from(begin + 7) == "CPU 3 of 8\n");
    CHECK(read_from(begin, 5) == "baton");
    CHECK(read_from(end_of_log()).empty());
    CHECK(read_from(end_of_log() + 1000).empty());
}

TEST_CASE("the ring keeps the newest bytes") {
    for (u32 i = 0; i < 5000; i++) {
        log::line("line {} of many", i);
    }
    const std::string all = read_from(0);
    CHECK(all.size() == 64 * KiB);
    CHECK(all.ends_with("baton: line 4999 of many\n"));
    CHECK(all.find("line 0 of") == std::string::npos);
}

TEST_CASE("what a guest can cause does not fill the log") {
    const u64 begin = end_of_log();
    for (u32 i = 0; i < 100; i++) {
        log::line_by_guest("again: {}", i);
    }
    const std::string text = read_from(begin);
    CHECK(text.starts_with("baton: again: 0\n"));
    CHECK(text.ends_with("baton: again: 7\n"));
    log::line("Baton itself");
    CHECK(read_from(begin).ends_with("baton: Baton itself\n"));
}
