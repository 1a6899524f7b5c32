// SPDX-License-Identifier: BSD-2-Clause
//
// Who stops a cluster's counters: every order in which cores leave, CPUs that are lost or late.

#include "arch/arm64/dsu/share.hpp"
#include "arch/arm64/dsu/stop.hpp"
#include "tests/unit/dsu/dsu_model.hpp"

#include <algorithm>
#include <array>
#include <doctest/doctest.h>
#include <random>
#include <span>
#include <vector>

using namespace baton;
using namespace baton::test;
using arm64::dsu::Share;

namespace {

/// What becomes of a core in a handover.
enum class Fate : u8 {
    in_time,
    lost,     ///< for ever
    late,     ///< it drains when the boot CPU has taken the shares away
    too_late, ///< it drains when the next kernel runs on its cluster
};
constexpr std::array late_fates{Fate::late, Fate::too_late};

struct Cluster {
    Share share;
    DsuUnit unit;
    u32 stops = 0;
    u32 cores = 0;
    u32 in_next_kernel = 0;
};

struct Core {
    u32 cluster = 0;
    Fate fate = Fate::in_time;
    Share::Life share = 0;
};

/// One handover on cores of several clusters, step by step. Core 0 is the boot CPU.
class Board {
  public:
    explicit Board(std::span<const u32> sizes) : clusters_(sizes.size()) {
        for (u32 cluster = 0; cluster < sizes.size(); cluster++) {
            clusters_[cluster].cores = sizes[cluster];
            for (u32 n = 0; n < sizes[cluster]; n++) {
                cores.push_back({.cluster = cluster});
            }
        }
    }

    void hand_over(std::span<const u32> order) {
        for (Core& core : cores) {
            core.share = enter(core);
        }
        for (Cluster& cluster : clusters_) {
            cluster.stops = 0;
            cluster.unit.fill();
        }
        drain(order, Fate::in_time);
        check_in_time();
        for (Cluster& cluster : clusters_) {
            (void)cluster.share.take_away();
        }
        drain(order, Fate::late);
        // The survivors park, but for the boot CPU, which enters the next kernel.
        for (const u32 n : order) {
            if (n != 0 && cores[n].fate == Fate::in_time) {
                Cluster& cluster = clusters_[cores[n].cluster];
                cluster.share.look_after([&] { stop(cluster); });
            }
        }
        begin_next_kernel(order);
        drain(order, Fate::too_late);
        end_next_kernel(order);
    }

    std::vector<Core> cores;
    std::string wrong; ///< the first thing

  private:
    Share::Life enter(Core& core) {
        Cluster& cluster = clusters_[core.cluster];
        return cluster.share.enter([&] { stop(cluster); }, [] { return false; });
    }

    void stop(Cluster& cluster) {
        int operation = 0;
        arm64::dsu::stop_counters(DsuAccess{&cluster.unit, &operation, -1});
        cluster.stops++;
        expect(cluster.in_next_kernel == 0, "the next kernel's counters are stopped");
    }

    void drain(std::span<const u32> order, Fate fate) {
        for (const u32 n : order) {
            Core& core = cores[n];
            Cluster& cluster = clusters_[core.cluster];
            if (core.fate == fate) {
                cluster.share.leave(core.share, [&] { stop(cluster); });
            }
        }
    }

    /// Where nobody was lost the last core has stopped the unit, and the others have not.
    void check_in_time() {
        for (u32 n = 0; n < clusters_.size(); n++) {
            const bool all = std::ranges::all_of(cores, [n](const Core& core) {
                return core.cluster != n || core.fate == Fate::in_time;
            });
            expect(clusters_[n].stops == (all ? 1 : 0), "not stopped once, by the last one");
            expect(!all || clusters_[n].unit.left().empty(), "not clean when all have arrived");
        }
    }

    /// On all cores that are left. Its context is on the first one of each cluster.
    void begin_next_kernel(std::span<const u32> order) {
        for (const u32 n : order) {
            Core& core = cores[n];
            if (core.fate == Fate::in_time) {
                Cluster& cluster = clusters_[core.cluster];
                core.share = enter(core);
                if (cluster.in_next_kernel++ == 0) {
                    expect(cluster.unit.left().empty(), "the next kernel finds a context");
                    cluster.unit.fill();
                }
            }
        }
    }

    /// It uses its counters to the end, when its CPUs go off one by one.
    void end_next_kernel(std::span<const u32> order) {
        for (const u32 n : order) {
            Core& core = cores[n];
            if (core.fate == Fate::in_time) {
                Cluster& cluster = clusters_[core.cluster];
                expect(!cluster.unit.left().empty(), "a context is lost while a core has it");
                cluster.in_next_kernel--;
                cluster.share.leave(core.share, [&] { stop(cluster); });
                expect(cluster.in_next_kernel != 0 || cluster.unit.left().empty(),
                       "the last core to go off leaves the unit at work");
            }
        }
        for (const Cluster& cluster : clusters_) {
            expect(cluster.in_next_kernel == 0, "cores are left");
        }
    }

    void expect(bool right, const char* what) {
        if (!right && wrong.empty()) {
            wrong = what;
        }
    }

    std::vector<Cluster> clusters_;
};

/// All orders and all fates of the cores but the boot CPU.
u32 try_all(std::span<const u32> sizes) {
    u32 tried = 0;
    const auto count = static_cast<u32>(Board{sizes}.cores.size());
    std::vector<u32> order(count);
    for (u32 n = 0; n < count; n++) {
        order[n] = n;
    }
    do {
        for (u32 fates = 0; fates < 1U << 2 * (count - 1); fates++) {
            Board board{sizes};
            for (u32 n = 1; n < count; n++) {
                board.cores[n].fate = Fate{static_cast<u8>(fates >> 2 * (n - 1) & 3)};
            }
            board.hand_over(order);
            CHECK(board.wrong == "");
            tried++;
        }
    } while (std::ranges::next_permutation(order).found);
    return tried;
}

} // namespace

TEST_CASE("every order of arrival, every core lost or late") {
    u32 tried = 0;
    for (const std::vector<u32>& sizes : {std::vector<u32>{1},
                                          {2},
                                          {3},
                                          {4},
                                          {5},
                                          {1, 1},
                                          {2, 1},
                                          {1, 3},
                                          {2, 2},
                                          {3, 2},
                                          {1, 1, 1, 2}}) {
        tried += try_all(sizes);
    }
    MESSAGE(tried, " handovers");
}

TEST_CASE("1 to 8 clusters of uneven sizes, several handovers in a row") {
    std::mt19937 random{8};
    u32 tried = 0, not_in_time = 0;
    for (u32 round = 0; round < 3000; round++) {
        std::vector<u32> sizes(1 + round % 8);
        for (u32& size : sizes) {
            size = 1 + static_cast<u32>(random() % 14);
        }
        Board board{sizes};
        const u32 odds = static_cast<u32>(1 + random() % 30);
        std::vector<u32> order(board.cores.size());
        for (u32 n = 0; n < order.size(); n++) {
            order[n] = n;
        }
        for (u32 handover = 0; handover < 3; handover++) {
            std::ranges::shuffle(order, random);
            // The lost ones would stay so; those that were late are whole again here.
            for (Core& core : board.cores) {
                core.fate = &core != board.cores.data() && random() % odds == 0
                                ? late_fates[random() % late_fates.size()]
                                : Fate::in_time;
                not_in_time += core.fate != Fate::in_time;
            }
            board.hand_over(order);
            CHECK(board.wrong == "");
            tried++;
        }
    }
    MESSAGE(tried, " handovers, ", not_in_time, " cores late");
}

TEST_CASE("a core that enters waits for one that stops the unit, but not for ever") {
    Share share;
    u32 stops = 0, waits = 0;
    const auto stop = [&] { stops++; };
    const auto never = [] {
        CHECK_MESSAGE(false, "there is nobody to wait for");
        return false;
    };
    Share::Life life = share.enter(stop, never);
    CHECK(stops == 1); // it was dirty
    const auto stop_while_another_enters = [&] {
        stop();
        life = share.enter(stop, [&] { return ++waits < 3; });
        CHECK(waits == 3);
    };
    share.leave(life, stop_while_another_enters);
    CHECK(stops == 2);
    // That one has its share, as any other has.
    const auto stop_in_a_handover = [&] {
        stop();
        CHECK(share.take_away()); // for all that is known the core that stops it is lost
    };
    share.leave(life, stop_in_a_handover);
    CHECK(stops == 3);
    (void)share.enter(stop, never);
    CHECK(stops == 4);
    CHECK(share.take_away());
    share.look_after(stop);
    CHECK(stops == 5);
    CHECK_FALSE(share.take_away());
}
