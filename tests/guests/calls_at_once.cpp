// SPDX-License-Identifier: BSD-2-Clause
//
// Calls from several vCPUs at once.

#include "tests/guests/calls.hpp"

#include <atomic>

namespace baton::guest {
namespace {

/// Of no load or image, but of the caller's own VM.
constexpr u64 nobodys_id = 0xffff'ffff;

void pause_for_turns(u32 turns) {
    for (u32 i = 0; i < turns; i++) {
        asm volatile("" ::: "memory");
    }
}

} // namespace

/// While one vCPU loads, the calls of all others are BUSY or do what they would do at another time.
void collide() {
    if (enabled_cpus() == 1) {
        return;
    }
    std::atomic<bool> stop{false};
    std::atomic<u64> loads{0};
    const auto busy = [](u32 function) { return times_seen(function, BATON_BUSY) != 0; };
    const auto all_seen = [&] {
        return busy(BATON_LOAD_COPY) && busy(BATON_LOAD_SEAL) && busy(BATON_LOAD_DROP) &&
               busy(BATON_EXEC) && loads >= 3;
    };
    const auto disturb = [&] {
        while (!stop) {
            (void)make_call(BATON_LOAD_COPY, nobodys_id, 0, 0, address_of(kernel), 64);
            (void)make_call(BATON_LOAD_SEAL, nobodys_id, address_of(kernel), sizeof(baton_seal));
            (void)make_call(BATON_LOAD_DROP, nobodys_id);
            (void)make_call(BATON_EXEC, 0, nobodys_id);
            (void)make_call(BATON_LOAD_BEGIN, address_of(kernel), 0);
            (void)status_now();
        }
    };
    const auto load = [&] {
        const u64 id = insist([] { return begin_load(successor()); }).x1;
        const CallResult copied = copy_all(id, successor());
        require("all chunks are taken", copied.status() == BATON_OK, "{}", copied.status());
        const CallResult sealed = seal(id, seal_request(digest_of(successor())));
        require("the load is sealed", sealed.status() == BATON_OK, "{}", sealed.status());
        loads++;
    };
    const auto work = [&, caller = &this_cpu()] {
        if (&this_cpu() != caller) {
            return disturb();
        }
        wait_until(patience(), [&] {
            load();
            return all_seen();
        });
        stop = true;
    };
    run_on_all("all vCPUs call at once", work);
    check("of calls at once one wins and the others are BUSY", all_seen(), "{} loads",
          loads.load());
    insist([] { return make_call(BATON_LOAD_DROP, 0); });
}

/// The descriptor changes while it is read: what was read once is what counts.
void change_meanwhile() {
    if (enabled_cpus() == 1) {
        return;
    }
    static baton_load load{};
    load.piece_count = 1;
    load.pieces[0] = {BATON_PIECE_KERNEL, 0, kernel_size};
    std::atomic<bool> stop{false};
    u32 small = 0;
    u32 large = 0;
    const auto work = [&, caller = &this_cpu()] {
        auto* const size = reinterpret_cast<volatile u64*>(&load.pieces[0].size);
        const u64 slot = status_now().slot_size;
        if (&this_cpu() != caller) {
            for (bool large_now = false; !stop; large_now = !large_now) {
                *size = large_now ? slot : kernel_size;
                pause_for_turns(1000);
            }
            return;
        }
        wait_until(patience(), [&] {
            const CallResult result = make_call(BATON_LOAD_BEGIN, address_of(&load), sizeof load);
            if (result.status() == BATON_OK) {
                const u64 announced = status_now().load_size;
                require("what was checked is what counts", announced == kernel_size, "{}",
                        announced);
                small++;
                (void)make_call(BATON_LOAD_DROP, 0);
            } else if (result.status() == BATON_TOO_BIG) {
                require("the size that was too big is told", result.x1 > slot);
                large++;
            }
            return small >= 50 && large >= 50;
        });
        stop = true;
    };
    run_on_all("a descriptor changes", work);
    check("a descriptor that changes is taken as it was once", small > 0 && large > 0,
          "{} times good, {} times too big", small, large);
    drop_all();
}

} // namespace baton::guest
