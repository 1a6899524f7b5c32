// SPDX-License-Identifier: BSD-2-Clause
//
// What a guest pays for what it does all the time: calls, interrupts, accesses to the GIC. For
// tools/bench steady, where a tick of the clock is an instruction: averages over many, as
// kvm-unit-tests' micro-bench measures them. Needs 2 CPUs. Prints "guest: cost: <what>: <ticks>".
// Options:
//   bare      no Baton below
//   rounds=N  how many of each

#include "arch/arm64/mmio.hpp"
#include "guest-api/guest/fdt.hpp"
#include "guest-api/guest/gic.hpp"
#include "guest-api/guest/hypercall.hpp"
#include "guest-api/guest/psci.hpp"
#include "guest-api/guest/smp.hpp"

namespace baton::guest {
namespace {

constexpr u32 ping_sgi = 1;

std::atomic<u64> came;

/// @param each a round's own ticks that are no cost: a time that it has to wait
template <class Body>
void measure(std::string_view what, const Body& body, u64 each = 0) {
    const u64 rounds = option_number("rounds", 1000);
    body(); // What is done once, at the first time, is not counted.
    const u64 begin = now();
    for (u64 i = 0; i < rounds; i++) {
        body();
    }
    print("guest: cost: {}: {}\n", what, (now() - begin) / rounds - each);
}

/// Waits for one more interrupt, as it comes: a YIELD lets the emulator's next CPU run.
template <class Body>
void until_it_came(const Body& body) {
    const u64 before = came.load(std::memory_order_relaxed);
    body();
    while (came.load(std::memory_order_relaxed) == before) {
        yield();
    }
}

void calls() {
    if (above_baton()) {
        measure("hypercall", [] { (void)hypercall(BATON_REVISION); });
    }
    measure("PSCI call", [] { (void)psci::call(psci::Function::version); });
}

void interrupts() {
    const auto count = [](u32) { came.fetch_add(1, std::memory_order_relaxed); };
    gic::set_handler(ping_sgi, count);
    Cpu& other = cpus()[1 - this_cpu().index];
    run_on(other, "the other CPU takes SGIs", [] { gic::enable(ping_sgi); });
    measure("IPI, there and seen here",
            [&] { until_it_came([&] { gic::send_sgi(ping_sgi, other); }); });
    gic::enable(ping_sgi);
    measure("IPI to itself", [] { until_it_came([] { gic::send_sgi(ping_sgi, this_cpu()); }); });

    gic::set_handler(PhysicalTimer::intid(), [](u32) {
        PhysicalTimer::disarm();
        came.fetch_add(1, std::memory_order_relaxed);
    });
    gic::enable(PhysicalTimer::intid());
    // Asleep until it fires: then the clock leaps there.
    const auto sleep_through = [] {
        const u64 before = came.load(std::memory_order_relaxed);
        const InterruptsMasked masked;
        PhysicalTimer::arm_in_us(10'000);
        while (came.load(std::memory_order_relaxed) == before) {
            wfi();
            unmask_interrupts();
            isb(); // It is taken here.
            mask_interrupts();
        }
    };
    measure("timer interrupt", sleep_through, ticks_of_us(10'000));
    gic::disable(PhysicalTimer::intid());
}

enum class Pl031 : u64 { DR = 0x00, MR = 0x04, IMSC = 0x10, RIS = 0x14, ICR = 0x1c };
arm64::Mmio<Pl031> rtc;

/// The clock's match stays latched: its mask moves its line up and down.
void device_interrupt() {
    const auto node = Node::compatible_with("arm,pl031");
    if (!check("there is a PL031", node && node->interrupt())) {
        return;
    }
    rtc = arm64::Mmio<Pl031>{node->reg()->begin};
    rtc.write(Pl031::IMSC, 0);
    const bool latched = wait_until(3000, [] {
        rtc.write(Pl031::MR, rtc.read(Pl031::DR));
        return rtc.read(Pl031::RIS) != 0;
    });
    if (!check("the PL031 matches", latched)) {
        return;
    }
    const u32 intid = *node->interrupt();
    gic::set_edge(intid, false);
    gic::set_handler(intid, [](u32) {
        rtc.write(Pl031::IMSC, 0);
        came.fetch_add(1, std::memory_order_relaxed);
    });
    gic::route(intid, this_cpu());
    gic::enable(intid);
    measure("device interrupt", [] { until_it_came([] { rtc.write(Pl031::IMSC, 1); }); });
    gic::disable(intid);
    rtc.write(Pl031::ICR, 1);
}

void gic_accesses() {
    const auto node = Node::compatible_with("arm,gic-v3");
    enum class Gicd : u64 { IIDR = 0x08 };
    const arm64::Mmio<Gicd> distributor{node->reg()->begin};
    measure("read of GICD_IIDR", [&] { (void)distributor.read(Gicd::IIDR); });
    const u32 spi = gic::interrupt_count() - 1;
    measure("enabling and disabling an SPI", [&] {
        gic::enable(spi);
        gic::disable(spi);
    });
}

} // namespace

void guest_main() {
    if (!check("there are two CPUs", cpus().size() == 2) || !start_all()) {
        return;
    }
    calls();
    interrupts();
    device_interrupt();
    gic_accesses();
}

} // namespace baton::guest
