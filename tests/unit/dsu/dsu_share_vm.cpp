// SPDX-License-Identifier: BSD-2-Clause
//
// Who stops a cluster's counters, on real threads.

#include "arch/arm64/dsu/share.hpp"
#include "tests/unit/lifecycle/lifecycle_vm.hpp"

#include <array>
#include <doctest/doctest.h>
#include <thread>

using namespace baton;
using namespace baton::test;
using arm64::dsu::Share;

TEST_CASE("cores that come and go as they like never see the unit being stopped") {
    Share share;
    u64 stops = 0; // plain: what orders its users is the share
    std::atomic<u32> violations{0};
    const auto stop = [&] { stops++; };
    const auto wait = [] {
        std::this_thread::yield();
        return true;
    };
    const auto come_and_go = [&] {
        for (u32 turn = 0; turn < 5000; turn++) {
            const Share::Life life = share.enter(stop, wait);
            const u64 before = stops;
            std::this_thread::yield();
            violations += stops != before;
            share.leave(life, stop);
        }
    };
    {
        std::array<std::jthread, 2> cores;
        for (std::jthread& core : cores) {
            core = std::jthread{come_and_go};
        }
    }
    CHECK(violations == 0);
    CHECK(stops > 1);
    MESSAGE(stops, " stops");
}

TEST_CASE("the CPUs of a VM that calls exec, CPU_ON and CPU_OFF, deadlines that pass too early") {
    constexpr u32 cpus = 8, cpus_of_cluster = 3;
    struct Counters {
        Share share;
        std::atomic<u64> context{0}; ///< the kernel that uses it, and one
        u64 stops = 0;               ///< plain: stopping is for one core at a time
    };
    struct Seat {
        std::optional<Share::Life> share;
        bool has_set_context = false;
    };
    u64 stops = 0;
    u32 lost = 0;
    for (int machine = 0; machine < 40; machine++) {
        std::array<Counters, (cpus + cpus_of_cluster - 1) / cpus_of_cluster> clusters;
        std::array<Seat, cpus> seats;
        std::atomic<int> execs{20};
        TestVm vm{cpus};
        vm.be_impatient(machine % 2 == 0 ? 3 : 0);
        const auto mine = [&]() -> Counters& {
            return clusters[index(vm.self()) / cpus_of_cluster];
        };
        const auto stop = [](Counters& counters) {
            counters.stops++;
            counters.context.store(0, std::memory_order_relaxed);
        };
        // What the guest does with the counters; a CPU that is fenced runs no guest.
        const auto use_counters = [&] {
            TestVm::Record& self = vm.here();
            Seat& seat = seats[index(vm.self())];
            Counters& counters = mine();
            if (!seat.share) {
                const auto wait = [] {
                    std::this_thread::yield();
                    return true;
                };
                seat.share = counters.share.enter([&] { stop(counters); }, wait);
                seat.has_set_context = false;
            }
            const std::lock_guard lock{self.fence_mutex};
            if (self.fenced) {
                return;
            }
            const u64 own = self.kernel + 1;
            const u64 found = counters.context.load(std::memory_order_relaxed);
            vm.demand(found == 0 || found == own, "no kernel finds another one's context");
            vm.demand(found != 0 || !seat.has_set_context, "no context goes while a core has it");
            counters.context.store(own, std::memory_order_relaxed);
            seat.has_set_context = true;
        };
        vm.before_drain = [&] {
            Seat& seat = seats[index(vm.self())];
            if (seat.share) {
                mine().share.leave(*seat.share, [&] { stop(mine()); });
                seat.share.reset();
            }
        };
        vm.before_gather = [&] {
            for (Counters& counters : clusters) {
                (void)counters.share.take_away();
            }
        };
        vm.before_take_down = [&] { mine().share.look_after([&] { stop(mine()); }); };
        vm.behaviour = [&]() -> Next {
            if (execs.load(std::memory_order_relaxed) <= 0) {
                vm.wait(arch::never);
                return vm.lifecycle.join();
            }
            use_counters();
            const u32 dice = static_cast<u32>(vm.here().random() % 64);
            if (dice < 24) {
                Next next{};
                vm.call_cpu_on(static_cast<u32>(vm.here().random() % vm.size), next);
                return next;
            }
            if (dice < 32) {
                return vm.lifecycle.cpu_off();
            }
            if (dice < 34) {
                execs.fetch_sub(1, std::memory_order_relaxed);
                return vm.lifecycle.exec();
            }
            return Next::resume;
        };
        vm.on(0, [] { return Next::resume; });
        CHECK(vm.violations == 0);
        lost += vm.count(State::lost);
        vm.stop();
        for (const Counters& counters : clusters) {
            stops += counters.stops;
        }
    }
    CHECK(lost > 0); // or the test is less than it says
    MESSAGE(stops, " stops, ", lost, " CPUs lost");
}
