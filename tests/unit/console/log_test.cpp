// SPDX-License-Identifier: BSD-2-Clause
#include "hyp/log/log.hpp"

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <doctest/doctest.h>
#include <string>
#include <thread>
#include <vector>

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
    log::Budget budget;
    for (u32 i = 0; i < 100; i++) {
        log::line_by_guest(budget, "again: {}", i);
    }
    const std::string text = read_from(begin);
    CHECK(text.starts_with("baton: again: 0\n"));
    CHECK(text.ends_with("baton: again: 7\n"));
    log::line("Baton itself");
    CHECK(read_from(begin).ends_with("baton: Baton itself\n"));
    log::Budget of_another;
    log::line_by_guest(of_another, "another VM");
    CHECK(read_from(begin).ends_with("baton: another VM\n"));
}

TEST_CASE("what is not ASCII cannot be told from what is not written") {
    const u64 begin = end_of_log();
    log::line("a {} b", "\xc3\xa9");
    CHECK(read_from(begin) == "baton: a ?? b\n");
}

TEST_CASE("writers at once: whoever reads meanwhile gets whole lines, each once") {
    static constexpr u32 writers = 4;
    static constexpr u32 lines = 3000;
    u64 position = end_of_log();
    std::atomic<u32> at_work{writers};
    // A thread may sleep in the middle of a line, as no CPU does: nobody gets ahead of it by a lap.
    static constexpr u32 most_ahead = 200;
    std::array<std::atomic<u32>, writers> written{};
    std::vector<std::thread> threads;
    for (u32 writer = 0; writer < writers; writer++) {
        threads.emplace_back([&at_work, &written, writer] {
            for (u32 n = 0; n < lines; n++) {
                while (std::ranges::any_of(written, [n](u32 by) { return n > by + most_ahead; })) {
                    std::this_thread::yield();
                }
                log::line("writer {} line {} of {} ends here", writer, n, lines);
                written[writer] = n + 1;
            }
            at_work--;
        });
    }
    std::string unfinished;
    std::array<u32, writers> next{};
    u32 torn = 0;
    u32 seen = 0;
    const auto take_lines = [&] {
        for (usize end; (end = unfinished.find('\n')) != unfinished.npos;) {
            const std::string line = unfinished.substr(0, end);
            unfinished.erase(0, end + 1);
            u32 writer = 0;
            u32 n = 0;
            int used = 0;
            const bool whole =
                std::sscanf(line.c_str(), "baton: writer %u line %u of 3000 ends here%n", &writer,
                            &n, &used) == 2 &&
                used == static_cast<int>(line.size()) && writer < writers && n >= next[writer];
            torn += whole ? 0 : 1;
            seen += whole ? 1 : 0;
            if (whole) {
                next[writer] = n + 1;
            }
        }
    };
    for (bool last = false; !last;) {
        last = at_work == 0;
        const u64 expected = position;
        std::string text;
        log::read(position, 64 * KiB, [&](std::string_view piece) { text += piece; });
        if (position != expected) { // the writers were a whole ring ahead: on with the next line
            unfinished.clear();
            const usize end = text.find('\n');
            position += end == text.npos ? text.size() : end + 1;
            text.erase(0, end == text.npos ? text.size() : end + 1);
        }
        position += text.size();
        unfinished += text;
        take_lines();
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
    CHECK(torn == 0);
    CHECK(seen > 100);
    CHECK(unfinished.empty());
    CHECK(position == end_of_log());
}

namespace {
std::string console;
std::atomic<u32> lines_on_console{0};
} // namespace

TEST_CASE("the console gets every line, also of those that end at once") {
    log::attach_console([](std::string_view) {});
    log::attach_console([](std::string_view text) {
        lines_on_console += static_cast<u32>(std::count(text.begin(), text.end(), '\n'));
    });
    static constexpr u32 writers = 4;
    static constexpr u32 lines = 500;
    std::vector<std::thread> threads;
    for (u32 writer = 0; writer < writers; writer++) {
        threads.emplace_back([] {
            for (u32 n = 0; n < lines; n++) {
                log::line("line {}", n);
            }
        });
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
    CHECK(lines_on_console == writers * lines);

    log::attach_console([](std::string_view text) { console += text; });
    log::detach_console();
    log::line("kept");
    CHECK(console.empty());
    log::flush();
    log::flush_all();
    CHECK(console == "baton: kept\n");
    log::attach_console([](std::string_view) {});
    log::detach_console();
}
