// SPDX-License-Identifier: BSD-2-Clause
//
// What one CPU's interrupts do: order, priorities, more pending than list registers, both EOI
// modes, active and pending bits, groups. Mostly with interrupts masked, acknowledged by hand.
// Options:
//   step=N        priorities need not be told apart that differ by less than N (a power of two)

#include "guest-api/guest/gic.hpp"
#include "guest-api/guest/smp.hpp"

#include <algorithm>

namespace baton::guest {

namespace {

/// SPIs that no device of QEMU's virt board has: edge-triggered here, fired through ISPENDR.
constexpr u32 free_spi = 90, free_spis = 16;
/// SGIs but the library's own.
constexpr u32 free_sgis = 15;

/// The next interrupt of Group 1, acknowledged; gic::spurious if none comes.
u32 take(u64 milliseconds = 100) {
    u32 intid = gic::spurious;
    wait_until(milliseconds, [&] { return (intid = gic::acknowledge()) != gic::spurious; });
    return intid;
}

bool nothing_comes() { return take(2) == gic::spurious; }

void fire(u32 intid) {
    if (intid < gic::first_ppi) {
        gic::send_sgi(intid, this_cpu());
    } else {
        gic::set_pending(intid);
    }
}

/// An SGI, a PPI that has no device, an SPI.
constexpr std::array<u32, 3> one_of_each{3, 21, free_spi};

std::string_view kind_of(u32 intid) {
    return intid < gic::first_ppi ? "SGI" : intid < gic::first_spi ? "PPI" : "SPI";
}

void set_up() {
    for (u32 spi = free_spi; spi < free_spi + free_spis; spi++) {
        gic::set_edge(spi, true);
        gic::route(spi, this_cpu());
        gic::enable(spi);
    }
    gic::set_edge(one_of_each[1], true);
    gic::enable(one_of_each[1]);
    for (u32 sgi = 0; sgi < free_sgis; sgi++) {
        gic::enable(sgi);
    }
}

constexpr u32 sources = free_sgis + free_spis;

constexpr u32 source(u32 at) { return at < free_sgis ? at : free_spi + at - free_sgis; }

/// Takes what is pending. True if each source comes once, none before a more urgent one.
bool take_all_by_priority() {
    std::array<u32, 1024> times{};
    u64 last = 0;
    bool in_order = true;
    const u64 step = option_number("step", 1);
    for (u32 i = 0; i < sources; i++) {
        const u32 intid = take();
        if (intid == gic::spurious) {
            print("only {} came\n", i);
            return false;
        }
        times[intid]++;
        const u64 priority = align_down(gic::priority(intid), step);
        if (priority < last) {
            print("INTID {} of priority {x} came after one of {x}\n", intid, priority, last);
            in_order = false;
        }
        last = priority;
        gic::end_of_interrupt(intid);
    }
    bool once = nothing_comes();
    for (u32 i = 0; i < sources; i++) {
        once &= times[source(i)] == 1;
    }
    return once && in_order;
}

/// All at once, fired in an order that is not that of their priorities, and several times.
void many_pending() {
    for (u32 i = 0; i < sources; i++) {
        gic::set_priority(source(i), static_cast<u8>(8 * (i * 12 % sources)));
    }
    bool good = true;
    for (u32 round = 0; round < 10 && good; round++) {
        for (u32 i = 0; i < sources; i++) {
            fire(source(i));
        }
        good = take_all_by_priority();
    }
    check("31 interrupts pending at once come once each, by priority", good);
    for (u32 i = 0; i < sources; i++) {
        gic::set_priority(source(i), gic::usual_priority);
    }
}

void end_of_interrupt_modes() {
    for (const u32 intid : one_of_each) {
        print("{}:\n", kind_of(intid));
        write_raw<ICC_CTLR_EL1>(0);
        isb();
        fire(intid);
        bool good = gic::is_pending(intid) && take() == intid;
        good &= gic::is_active(intid) && !gic::is_pending(intid);
        gic::end_of_interrupt(intid);
        good &= !gic::is_active(intid) && nothing_comes();
        check("EOImode 0: EOIR deactivates", good);

        write(ICC_CTLR_EL1::EOImode);
        isb();
        fire(intid);
        good = take() == intid && read_raw<ICC_RPR_EL1>() == gic::usual_priority;
        gic::end_of_interrupt(intid);
        good &= gic::is_active(intid) && read_raw<ICC_RPR_EL1>() == 0xff;
        fire(intid);
        good &= gic::is_pending(intid) && nothing_comes();
        gic::deactivate(intid);
        good &= !gic::is_active(intid) && take() == intid;
        gic::end_of_interrupt(intid);
        gic::deactivate(intid);
        good &= !gic::is_active(intid) && nothing_comes();
        check("EOImode 1: EOIR drops the priority, DIR deactivates", good);
    }
    write_raw<ICC_CTLR_EL1>(0);
    isb();
}

void enable_and_pending_bits() {
    for (const u32 intid : one_of_each) {
        print("{}:\n", kind_of(intid));
        fire(intid);
        gic::disable(intid);
        bool good = gic::is_pending(intid) && !gic::is_enabled(intid) && nothing_comes();
        gic::enable(intid);
        good &= take() == intid;
        gic::end_of_interrupt(intid);
        check("disabled while pending: comes when it is enabled", good && nothing_comes());
        if (intid >= gic::first_ppi) {
            fire(intid);
            gic::clear_pending(intid);
            check("pending, then cleared: does not come",
                  !gic::is_pending(intid) && nothing_comes());
            gic::set_active(intid);
            fire(intid);
            good = gic::is_active(intid) && gic::is_pending(intid) && nothing_comes();
            gic::clear_active(intid);
            good &= take() == intid;
            gic::end_of_interrupt(intid);
            check("held back by a set active bit, comes when that is cleared",
                  good && !gic::is_active(intid));
        }
    }
}

void priority_mask() {
    const u32 intid = free_spi;
    gic::set_priority(intid, 0xa0);
    check_equal("a priority reads back", gic::priority(intid), 0xa0);
    write_raw<ICC_PMR_EL1>(0x80);
    isb();
    fire(intid);
    bool good = nothing_comes();
    write_raw<ICC_PMR_EL1>(0xf0);
    isb();
    good &= take() == intid;
    gic::end_of_interrupt(intid);
    check("ICC_PMR_EL1 holds back what is less urgent", good);
}

/// One letter for each thing that a handler does, in order.
std::array<char, 8> story;
usize story_length;

void tell(char what) { story[story_length++ % story.size()] = what; }

void preemption() {
    static constexpr u32 outer = free_spi, urgent = free_spi + 1, patient = free_spi + 2;
    gic::set_priority(urgent, 0x40);
    gic::set_priority(patient, 0xc0);
    gic::set_handler(urgent, [](u32) { tell('U'); });
    gic::set_handler(patient, [](u32) { tell('P'); });
    gic::set_handler(outer, [](u32) {
        tell('a');
        fire(patient);
        fire(urgent);
        unmask_interrupts();
        pause_for(5);
        mask_interrupts();
        tell('z');
    });
    fire(outer);
    unmask_interrupts();
    wait_until(100, [] { return story_length == 4; });
    mask_interrupts();
    const std::string_view told{story.data(), std::min(story_length, story.size())};
    check("the more urgent preempts, the less urgent waits", told == "aUzP", "{}", told);
}

u32 fast_interrupts;

/// With FIQ alone unmasked; how many came.
u32 take_fast_interrupt() {
    fast_interrupts = 0;
    asm volatile("msr daifclr, #1");
    wait_until(10, [] { return fast_interrupts != 0; });
    asm volatile("msr daifset, #1");
    return fast_interrupts;
}

void group_0() {
    for (const u32 intid : one_of_each) {
        print("{}:\n", kind_of(intid));
        gic::set_group(intid, 0);
        if (gic::group(intid) != 0) {
            print("Group 0 is not the guest's\n");
            return;
        }
        gic::set_handler(intid, [](u32) { fast_interrupts++; });
        gic::set_pending(intid);
        check("Group 0 is signalled as FIQ", nothing_comes() && take_fast_interrupt() == 1);
    }
    gic::send_group_0_sgi(one_of_each[0], this_cpu());
    check("ICC_SGI0R_EL1 sends SGIs of Group 0", nothing_comes() && take_fast_interrupt() == 1);
    for (const u32 intid : one_of_each) {
        gic::set_group(intid, 1);
    }
}

} // namespace

void guest_main() {
    print("guest: gic: {} INTIDs\n", gic::interrupt_count());
    mask_interrupts();
    set_up();
    many_pending();
    end_of_interrupt_modes();
    enable_and_pending_bits();
    priority_mask();
    preemption();
    group_0();
}

} // namespace baton::guest
