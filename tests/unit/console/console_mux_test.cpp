// SPDX-License-Identifier: BSD-2-Clause
//
// Several VMs' consoles on one UART.

#include "hyp/console/multiplexer.hpp"

#include <algorithm>
#include <atomic>
#include <doctest/doctest.h>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace baton;

namespace {

std::string uart;
std::vector<std::pair<VmId, char>> keyboard;

constexpr VmId host = host_vm, alpha{1}, beta{5};

struct Consoles {
    Consoles() {
        uart.clear();
        keyboard.clear();
        mux->attach([](std::string_view text) { uart += text; },
                    [](VmId to, char c) { keyboard.emplace_back(to, c); });
        mux->add(host, "host");
        mux->add(alpha, "alpha");
        mux->add(beta, "beta");
    }
    void print(VmId vm, std::string_view text) {
        for (const char c : text) {
            mux->output(vm, c);
        }
    }
    void type(std::string_view text) {
        for (const char c : text) {
            mux->on_input(c);
        }
    }
    /// Since it was asked last.
    std::string shown() { return std::exchange(uart, {}); }
    std::string typed_to(VmId vm) {
        std::string text;
        for (const auto [to, c] : keyboard) {
            if (to == vm) {
                text += c;
            }
        }
        return text;
    }
    std::unique_ptr<Multiplexer> mux = std::make_unique<Multiplexer>();
};

} // namespace

TEST_CASE("the connected VM's output is raw, of others whole lines come") {
    Consoles consoles;
    consoles.print(host, "\x1b[31mred\x1b[m\r\n");
    CHECK(consoles.shown() == "\x1b[31mred\x1b[m\r\n");
    consoles.print(alpha, "one");
    CHECK(consoles.shown() == "");
    consoles.print(alpha, " line\r\n");
    CHECK(consoles.shown() == "alpha: one line\r\n");
    consoles.print(beta, "\n");
    CHECK(consoles.shown() == "beta: \r\n");
}

TEST_CASE("a line of another's begins a new one, the connected VM goes on behind it") {
    Consoles consoles;
    consoles.print(host, "login: ");
    consoles.print(alpha, "hello\n");
    consoles.print(beta, "you\n");
    consoles.print(host, "root\r\n");
    consoles.print(alpha, "again\n");
    CHECK(consoles.shown() == "login: \r\nalpha: hello\r\nbeta: you\r\nroot\r\nalpha: again\r\n");
}

TEST_CASE("a line stays a line: control characters and escape sequences are left out") {
    Consoles consoles;
    const std::pair<std::string_view, std::string_view> cases[] = {
        {"\x1b[1;31mred\x1b[0m and \x1b[2J\x1b[10;20Hplain\n", "red and plain"},
        {"10%\r20%\r\n", "10%20%"},
        {"bell\a back\b del\x7f nul\n", "bell back del nul"},
        {"tab\tstays, and \xc3\xa4\n", "tab\tstays, and \xc3\xa4"},
        {"\x1b]0;title\atext\n", "text"},
        {"\x1b]0;title\x1b\\text\n", "text"},
        {"\x1bP1$r0m\x1b\\text\x1b_apc\x1b\\\n", "text"},
        {"\x1b(Bset \x1b=keypad \x1b"
         "7saved\n",
         "set keypad saved"},
        {"\x1b]never ended\n", ""},
        {"\x1b[12\n", ""},
        {"\x1b[12\x18text\x1b]0;\x1atext\n", "texttext"},
    };
    for (const auto& [printed, expected] : cases) {
        CAPTURE(printed);
        consoles.print(alpha, printed);
        CHECK(consoles.shown() == "alpha: " + std::string{expected} + "\r\n");
    }
    consoles.print(alpha, "and this is whole\n");
    CHECK(consoles.shown() == "alpha: and this is whole\r\n");
}

TEST_CASE("a line that is too long comes in pieces") {
    Consoles consoles;
    const std::string most(PlainLine::longest, 'x');
    consoles.print(alpha, most + "\n");
    CHECK(consoles.shown() == "alpha: " + most + "\r\n");
    consoles.print(alpha, most + "\r\n\n");
    CHECK(consoles.shown() == "alpha: " + most + "\r\nalpha: \r\n");
    consoles.print(alpha, most + most + "rest\n");
    CHECK(consoles.shown() == "alpha: " + most + "\r\nalpha: " + most + "\r\nalpha: rest\r\n");
}

TEST_CASE("what is unfinished comes when its VM goes off, or with the next kernel") {
    Consoles consoles;
    consoles.print(alpha, "Power down");
    consoles.mux->flush(alpha);
    CHECK(consoles.shown() == "alpha: Power down\r\n");
    consoles.mux->flush(alpha);
    CHECK(consoles.shown() == "");

    consoles.print(alpha, "Restarting\x1b[1");
    consoles.mux->cut(alpha);
    CHECK(consoles.shown() == "");
    consoles.print(alpha, "2nd kernel\n");
    CHECK(consoles.shown() == "alpha: Restarting\r\nalpha: 2nd kernel\r\n");

    consoles.print(host, "Restarting");
    consoles.mux->cut(host);
    consoles.print(host, "next");
    consoles.mux->flush(host);
    CHECK(consoles.shown() == "Restarting\r\nnext\r\n");
}

TEST_CASE("Baton's own lines stand alone too") {
    Consoles consoles;
    consoles.print(host, "prompt> ");
    consoles.mux->own_output("baton: one\nbaton: two\n");
    CHECK(consoles.shown() == "prompt> \r\nbaton: one\r\nbaton: two\r\n");
    // A line that comes in two parts, as the log's ring gives it, stays one.
    consoles.mux->own_output("baton: thr");
    consoles.mux->own_output("ee\n\n");
    CHECK(consoles.shown() == "baton: three\r\n\r\n");
    consoles.mux->own_output("baton: unfinished");
    consoles.print(host, "x");
    consoles.print(alpha, "y\n");
    CHECK(consoles.shown() == "baton: unfinished\r\nx\r\nalpha: y\r\n");
}

TEST_CASE("three times Ctrl-A connects the next VM") {
    Consoles consoles;
    consoles.type("to host");
    CHECK(consoles.typed_to(host) == "to host");
    consoles.print(host, "# ");
    consoles.print(alpha, "alpha login: ");
    consoles.shown();

    consoles.type("\x01\x01\x01");
    CHECK(consoles.mux->connected() == alpha);
    CHECK(consoles.shown() == "\r\nbaton: console: alpha\r\nalpha login: ");
    consoles.type("root");
    CHECK(consoles.typed_to(alpha) == "root");
    consoles.print(alpha, "\x1b[1mroot");
    consoles.print(host, "rest of host's\n");
    CHECK(consoles.shown() == "\x1b[1mroot\r\nhost: rest of host's\r\n");

    consoles.type("\x01\x01\x01");
    CHECK(consoles.mux->connected() == beta);
    consoles.type("\x01\x01\x01");
    CHECK(consoles.mux->connected() == host);
    CHECK(consoles.shown() == "baton: console: beta\r\nbaton: console: host\r\n");

    keyboard.clear();
    consoles.type("\x01x\x01\x01y\x01");
    CHECK(consoles.typed_to(host) == "\x01x\x01\x01y");
    CHECK(consoles.mux->connected() == host);
    consoles.type("z");
    CHECK(consoles.typed_to(host) == "\x01x\x01\x01y\x01z");

    CHECK(consoles.mux->connect(alpha));
    CHECK(consoles.shown() == "baton: console: alpha\r\n");
}

TEST_CASE("a name is copied, and cut if it is too long") {
    Consoles consoles;
    std::string name(100, 'n');
    consoles.mux->add(VmId{2}, name);
    name.clear();
    consoles.print(VmId{2}, "x\n");
    CHECK(consoles.shown() == std::string(Multiplexer::longest_name, 'n') + ": x\r\n");
}

namespace {

std::atomic<bool> is_stuck{false}, goes_on{false};

} // namespace

TEST_CASE("who cannot have the UART drops its text and counts it") {
    Consoles consoles;
    is_stuck = goes_on = false;
    static std::string after;
    after.clear();
    consoles.mux->attach(
        [](std::string_view text) {
            if (text == "s") {
                is_stuck = true;
                while (!goes_on) {
                    std::this_thread::yield();
                }
                return;
            }
            after += text;
        },
        [](VmId, char) {});
    std::jthread stuck{[&] { consoles.mux->output(host, 's'); }};
    while (!is_stuck) {
        std::this_thread::yield();
    }
    consoles.print(alpha, "dropped\n");
    CHECK(consoles.mux->dropped(alpha) == 7);
    CHECK(consoles.mux->dropped(host) == 0);
    CHECK_FALSE(consoles.mux->connect(beta));
    CHECK(consoles.mux->connected() == host);
    consoles.mux->output(host, 'x'); // whose own lock is taken
    CHECK(consoles.mux->dropped(host) == 1);
    CHECK(after == "");
    goes_on = true;
    stuck.join();
    consoles.print(alpha, "shown\n");
    CHECK(after == "\r\nalpha: shown\r\n");
}

TEST_CASE("a lock that was taken over is not opened by its first holder") {
    BoundedLock lock;
    std::unique_ptr<BoundedLock::Held> lost{new BoundedLock::Held{lock.take(0)}};
    REQUIRE(bool{*lost});
    CHECK_FALSE(bool{lock.take(0)});
    {
        const auto taken_over = lock.take_over(1);
        CHECK(bool{taken_over});
        lost.reset();
        CHECK_FALSE(bool{lock.take(0)});
    }
    CHECK(bool{lock.take(0)});
}

TEST_CASE("a lock that others take in turn is taken over from none of them") {
    BoundedLock lock;
    std::atomic<bool> done{false};
    u64 plain = 0; // what orders its users is the lock
    const auto use = [&] {
        while (!done) {
            const auto held = lock.take_over(1000);
            plain++;
        }
    };
    {
        std::jthread one{use}, other{use};
        for (u32 i = 0; i < 20'000; i++) {
            const auto held = lock.take_over(1000);
            plain++;
        }
        done = true;
    }
    CHECK(plain >= 20'000);
}

TEST_CASE("lines of CPUs that print at once stay whole") {
    Consoles consoles;
    uart.reserve(1 << 20);
    constexpr u32 lines = 300;
    {
        std::vector<std::jthread> cpus;
        for (const VmId vm : {alpha, beta}) {
            cpus.emplace_back([&consoles, vm] {
                for (u32 i = 0; i < lines; i++) {
                    consoles.print(vm, "0123456789abcdef0123456789abcdef\r\n");
                }
            });
        }
        cpus.emplace_back([&] {
            for (u32 i = 0; i < lines; i++) {
                consoles.print(host, "hhhh\r\n");
            }
        });
        cpus.emplace_back([&] {
            for (u32 i = 0; i < 30; i++) {
                consoles.mux->own_output("baton: own\n");
                consoles.mux->on_input('k');
                consoles.mux->flush(host);
            }
        });
    }
    consoles.mux->flush(host);
    u32 alphas = 0, betas = 0, own = 0, host_characters = 0, others = 0;
    std::string_view rest = uart;
    // A line feed alone is the host VM's, cut off from its carriage return by another line.
    const auto skip_line_feeds = [&rest] {
        rest.remove_prefix(std::min(rest.find_first_not_of('\n'), rest.size()));
    };
    for (skip_line_feeds(); !rest.empty(); skip_line_feeds()) {
        const usize end = rest.find("\r\n");
        REQUIRE(end != std::string_view::npos);
        const std::string_view line = rest.substr(0, end);
        rest.remove_prefix(end + 2);
        if (line == "alpha: 0123456789abcdef0123456789abcdef") {
            alphas++;
        } else if (line == "beta: 0123456789abcdef0123456789abcdef") {
            betas++;
        } else if (line == "baton: own") {
            own++;
        } else if (line.find_first_not_of("h\r") == std::string_view::npos) {
            host_characters += static_cast<u32>(std::ranges::count(line, 'h'));
        } else {
            others++;
        }
    }
    // On a busy build machine the holder of a lock may sleep: then lines are dropped, and counted.
    constexpr u32 length = 32;
    CHECK(alphas * length + consoles.mux->dropped(alpha) == lines * length);
    CHECK(betas * length + consoles.mux->dropped(beta) == lines * length);
    CHECK(own == 30);
    CHECK(others == 0);
    CHECK(host_characters <= 4 * lines);
    CHECK(host_characters + consoles.mux->dropped(host) >= 4 * lines);
    CHECK(keyboard.size() + consoles.mux->dropped_input() == 30);
}
