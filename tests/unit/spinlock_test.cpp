// SPDX-License-Identifier: BSD-2-Clause
#include "arch/arm64/cpu/basic_spinlock.hpp"

#include <array>
#include <doctest/doctest.h>
#include <thread>
#include <vector>

using namespace baton;
using namespace baton::arm64;

namespace {

/// Stands still but for what a waiter is told to see.
struct Clock {
    struct Deadline {
        u64 at;
        bool passed() const { return time >= at; }
    };
    static Deadline in_ms(u64 ms) { return {time + ms}; }
    static void relax() {
        time += step;
        if (meanwhile) {
            meanwhile();
        }
    }

    static inline thread_local u64 time = 0;
    static inline thread_local u64 step = 0;
    static inline thread_local void (*meanwhile)() = nullptr;
};
using Lock = BasicSpinlock<Clock>;

Lock shared;

/// @return ms that it took to get the lock
u64 time_to_take(Lock& lock) {
    const u64 begin = Clock::time;
    const Lock::Guard guard{lock};
    return Clock::time - begin;
}

} // namespace

TEST_CASE("one at a time") {
    Lock lock;
    u64 plain = 0;
    std::array<std::thread, 4> threads;
    for (std::thread& thread : threads) {
        thread = std::thread{[&] {
            for (u32 i = 0; i < 20'000; i++) {
                const Lock::Guard guard{lock};
                plain++;
            }
        }};
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
    CHECK(plain == 80'000);
}

TEST_CASE("the lock of a lost CPU is taken over, once, and the CPU opens nothing when it returns") {
    Clock::step = 10;
    Clock::meanwhile = nullptr;
    Lock lock;
    const auto lost = lock.lock();
    {
        const u64 begin = Clock::time;
        const auto mine = lock.lock();
        CHECK(Clock::time - begin == Lock::timeout_ms);
        lock.unlock(lost);                             // it was only late
        CHECK(time_to_take(lock) == Lock::timeout_ms); // still held, by `mine`
        lock.unlock(mine);
    }
    CHECK(time_to_take(lock) == 0);
    lock.unlock(lost);
    CHECK(time_to_take(lock) == 0);
}

TEST_CASE("a lock that others take in turn is waited for, however long") {
    static Lock::Ticket holder = shared.lock();
    Clock::step = Lock::timeout_ms - 1;
    static u32 turns;
    turns = 0;
    Clock::meanwhile = [] {
        shared.unlock(holder);
        if (++turns < 5) {
            holder = shared.lock();
        }
    };
    CHECK(time_to_take(shared) == 5 * (Lock::timeout_ms - 1));
    CHECK(turns == 5);
    Clock::meanwhile = nullptr;
}

TEST_CASE("a reset opens it whoever holds it, and his unlock opens nothing of the next one's") {
    Clock::step = 10;
    Lock lock;
    const auto lost = lock.lock();
    lock.reset();
    const auto next = lock.lock();
    lock.unlock(lost);
    CHECK(time_to_take(lock) == Lock::timeout_ms);
    lock.unlock(next);
    lock.reset();
    CHECK(time_to_take(lock) == 0);
}
