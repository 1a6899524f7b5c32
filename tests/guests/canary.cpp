// SPDX-License-Identifier: BSD-2-Clause
//
// Asks for nothing but one interrupt of a device of its own, and looks whether another VM, that of
// the intruder, can change anything: its memory, an interrupt's state, or one that comes.
// Options:
//   seconds=N     for so long, by the counter
//   pattern=MIB   so much memory is looked at

#include "guest-api/guest/smp.hpp"
#include "tests/guests/foreign.hpp"
#include "tests/guests/ram_pattern.hpp"
#include "tests/guests/rtc.hpp"

namespace baton::guest {

namespace {

constexpr u32 alarm_in_s = 2;
constexpr u32 pages_a_look = 64;
constexpr u32 most_spis = 1020;

struct Interrupt {
    bool enabled, pending, active, edge;
    u8 priority;
    u64 route;

    bool operator==(const Interrupt&) const = default;
};
std::array<Interrupt, most_spis> spis;
std::atomic<u32> alarms;

Interrupt state_of(u32 spi) {
    return {gic::is_enabled(spi), gic::is_pending(spi), gic::is_active(spi),
            gic::is_edge(spi),    gic::priority(spi),   gic::route_of(spi)};
}

template <class Body>
void for_each_spi(const Body& body) {
    for (u32 spi = gic::first_spi; spi < gic::interrupt_count(); spi++) {
        body(spi);
    }
}

/// Different for each, so that any change shows.
void set_up_spis() {
    for_each_spi([](u32 spi) {
        gic::set_priority(spi, static_cast<u8>(0x40 + spi % 8 * 8));
        gic::route(spi, cpus()[spi % cpus().size()]);
    });
}

void examine_spis() {
    u32 changed = 0, first = 0;
    for_each_spi([&](u32 spi) {
        if (!(state_of(spi) == spis[spi])) {
            first = changed++ == 0 ? spi : first;
        }
    });
    check("no SPI has changed", changed == 0, "{}, the first is {}", changed, first);
}

/// From here to there no CPU of this VM sends an SGI: also that of the library is foreign.
void watch(u64 end, u32& wrong_words) {
    std::atomic<u32> ready = 0;
    std::atomic<bool> over = false;
    const auto listen = [&] {
        listen_for_foreign_interrupts();
        ready++;
        while (!over) {
            doze();
        }
    };
    for (Cpu& cpu : aps_online()) {
        post(cpu, Job::of(listen));
    }
    listen_for_foreign_interrupts();
    wait_until(patience(), [&] { return ready + 1 == cpus().size(); });
    pause_for(10); // until the last SGI that woke somebody has been taken
    gic::set_handler(wake_sgi, nullptr);
    for_each_spi([](u32 spi) { spis[spi] = state_of(spi); });
    while (now() < end) {
        wrong_words += look_at_pattern(pages_a_look);
        doze();
    }
    over = true;
    pause_for(1);
    gic::set_handler(wake_sgi, [](u32) {});
    (void)wait_for_jobs("every CPU listens to the end");
}

} // namespace

void guest_main() {
    check("all CPUs start", start_all());
    const u32 pages = fill_pattern();
    const u64 seconds = option_number("seconds", 5);
    print("guest: canary: {} CPUs, {} pages, {} s\n", cpus().size(), pages, seconds);
    set_up_spis();
    const auto rtc = Rtc::find();
    if (!check("there is a device with an interrupt", rtc.has_value())) {
        return;
    }
    gic::set_edge(rtc->intid(), false);
    gic::set_handler(rtc->intid(), [](u32) {
        Rtc::find()->lower();
        alarms++;
    });
    rtc->open();
    rtc->raise_in(alarm_in_s);
    const u32 before = failures();
    u32 wrong_words = 0;
    watch(now() + ticks_of_us(seconds * 1'000'000), wrong_words);
    check("no interrupt came that nobody asked for", failures() == before);
    check("the device's interrupt came, once", alarms == 1, "{} times", alarms.load());
    examine_spis();
    wrong_words += look_at_pattern(pages);
    check("memory is as it was written", pages != 0 && wrong_words == 0, "{} words are wrong",
          wrong_words);
    rtc->close();
}

} // namespace baton::guest
