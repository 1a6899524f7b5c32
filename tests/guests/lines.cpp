// SPDX-License-Identifier: BSD-2-Clause
//
// Interrupts between CPUs and from devices: SGI targets, SPI routes, the live level of the timers'
// lines, a device's level-sensitive SPI (PL031), and all of it at once on all CPUs.

#include "guest-api/guest/gic.hpp"
#include "guest-api/guest/smp.hpp"
#include "tests/guests/rtc.hpp"

#include <algorithm>

namespace baton::guest {

namespace {

constexpr u32 sgi = 2, ping_sgi = 3;
constexpr u32 free_spi = 90;

/// Interrupts taken, by CPU.
std::array<std::atomic<u32>, max_cpus> taken;

void count_one(u32) { taken[this_cpu().index]++; }

void forget() {
    for (auto& count : taken) {
        count = 0;
    }
}

/// Did, within a while, each CPU take as many as `expected` says, and no more?
template <class Expected>
bool all_took(const Expected& expected) {
    const auto as_expected = [&] {
        return std::ranges::all_of(
            cpus(), [&](const Cpu& cpu) { return taken[cpu.index] == expected(cpu); });
    };
    const bool good = wait_until(patience(), as_expected);
    pause_for(2);
    return good && as_expected();
}

void sgi_targets() {
    const Cpu& self = this_cpu();
    u32 wrong = 0;
    for (const Cpu& target : cpus()) {
        forget();
        gic::send_sgi(sgi, target);
        wrong += !all_took([&](const Cpu& cpu) { return u32{&cpu == &target}; });
    }
    check("an SGI reaches the one CPU it is for", wrong == 0, "{} wrong", wrong);

    forget();
    gic::send_sgi_to_others(sgi);
    check("an SGI with IRM = 1 reaches all but the sender",
          all_took([&](const Cpu& cpu) { return u32{&cpu != &self}; }));

    forget();
    gic::send_sgi_list(sgi, self, 0xffff);
    check("an SGI with a list of targets reaches its cluster, the sender too",
          all_took([&](const Cpu& cpu) { return u32{(cpu.mpidr ^ self.mpidr) < 16}; }));
}

void spi_routes() {
    gic::set_edge(free_spi, true);
    gic::set_handler(free_spi, count_one);
    gic::enable(free_spi);
    u32 wrong = 0;
    for (const Cpu& target : cpus()) {
        forget();
        gic::route(free_spi, target);
        gic::set_pending(free_spi);
        wrong += !all_took([&](const Cpu& cpu) { return u32{&cpu == &target}; });
    }
    check("an SPI goes where it is routed", wrong == 0, "{} wrong", wrong);
    gic::disable(free_spi);
}

/// A line that went down again may have been latched on its way through a hypervisor: one
/// interrupt then comes for nothing. True if there is no second one.
bool drain() {
    for (u32 i = 0; i < 2; i++) {
        const u32 intid = gic::acknowledge();
        if (intid == gic::spurious) {
            return true;
        }
        gic::end_of_interrupt(intid);
    }
    return gic::acknowledge() == gic::spurious;
}

/// Pending bits of a level-sensitive line follow the line, not what a list register holds.
template <class Timer>
void timer_line(std::string_view name) {
    const u32 intid = Timer::intid();
    const auto pending = [&](bool expected) {
        return wait_until(10, [&] { return gic::is_pending(intid) == expected; });
    };
    print("{}, INTID {}:\n", name, intid);
    const InterruptsMasked masked;
    gic::enable(intid);
    Timer::arm_in_us(0);
    check("pending when the timer has fired", pending(true));
    Timer::arm_in_us(10'000'000);
    check("not pending when it is moved into the future", pending(false));
    check("does not come again and again then", drain());
    Timer::arm_in_us(0);
    const bool came = wait_until(10, [&] { return gic::acknowledge() == intid; });
    check("acknowledged when it has fired again", came);
    check("active and pending while the line is up", gic::is_active(intid) && pending(true));
    Timer::disarm();
    check("active only when it is down", gic::is_active(intid) && pending(false));
    gic::end_of_interrupt(intid);
    check("neither after EOI", !gic::is_active(intid) && pending(false));
    Timer::arm_in_us(0);
    u32 times = 0;
    for (u32 i = 0; i < 3; i++) {
        times += wait_until(10, [&] { return gic::acknowledge() == intid; });
        gic::end_of_interrupt(intid);
    }
    check("comes again and again while the line stays up", times == 3, "{} of 3", times);
    Timer::disarm();
    check("comes no more when it is down", drain());
}

std::optional<Rtc> rtc;

void device_interrupt() {
    rtc = Rtc::find();
    if (!rtc) {
        print("no PL031\n");
        return;
    }
    const u32 intid = rtc->intid();
    print("PL031, INTID {}:\n", intid);
    rtc->lower();
    rtc->open();
    gic::set_edge(intid, false);
    // Left up at first: a level-sensitive interrupt then comes a second time.
    gic::set_handler(intid, [](u32) {
        if (++taken[this_cpu().index] >= 2) {
            rtc->lower();
        }
    });
    u32 wrong = 0;
    for (const Cpu& target : cpus().first(std::min<usize>(cpus().size(), 4))) {
        forget();
        gic::route(intid, target);
        rtc->raise();
        gic::enable(intid);
        wrong += !all_took([&](const Cpu& cpu) { return &cpu == &target ? u32{2} : u32{0}; });
        gic::disable(intid);
    }
    check("a device's level-sensitive SPI comes until the device is served", wrong == 0, "{} wrong",
          wrong);
    rtc->raise();
    check("its pending bit follows the line up",
          wait_until(10, [&] { return gic::is_pending(intid); }));
    rtc->lower();
    check("its pending bit follows the line down",
          wait_until(10, [&] { return !gic::is_pending(intid); }));
    rtc->close();
}

/// Each CPU pings the next one and waits for each ping to arrive, under its own timers.
void storm() {
    constexpr u32 pings = 100;
    static std::array<std::atomic<u32>, max_cpus> ticks;
    gic::set_handler(PhysicalTimer::intid(), [](u32) {
        ticks[this_cpu().index]++;
        PhysicalTimer::arm_in_us(200);
    });
    forget();
    run_on_all("the storm ends", [] {
        const Cpu& next = cpus()[(this_cpu().index + 1) % cpus().size()];
        gic::enable(PhysicalTimer::intid());
        PhysicalTimer::arm_in_us(200);
        for (u32 i = 1; i <= pings; i++) {
            gic::send_sgi(ping_sgi, next);
            require("each SGI arrives",
                    wait_until(patience(), [&] { return taken[next.index] == i; }),
                    "{} of {} on CPU {}", taken[next.index].load(), i, next.index);
        }
        wait_until(patience(), [] { return ticks[this_cpu().index] != 0; });
        gic::disable(PhysicalTimer::intid());
        PhysicalTimer::disarm();
    });
    check("each SGI of a storm arrives once", all_took([](const Cpu&) { return pings; }));
    check("timers fire on all CPUs meanwhile",
          std::ranges::all_of(cpus(), [](const Cpu& cpu) { return ticks[cpu.index] > 0; }));
}

} // namespace

void guest_main() {
    print("guest: lines: {} CPUs\n", enabled_cpus());
    gic::set_handler(sgi, count_one);
    gic::set_handler(ping_sgi, count_one);
    check("all CPUs start", start_all());
    run_on_all("SGIs are enabled", [] {
        gic::enable(sgi);
        gic::enable(ping_sgi);
    });
    sgi_targets();
    spi_routes();
    timer_line<VirtualTimer>("virtual timer");
    timer_line<PhysicalTimer>("physical timer");
    device_interrupt();
    storm();
}

} // namespace baton::guest
