// SPDX-License-Identifier: BSD-2-Clause
//
// One fault at one step of a handover: every row of the table, every kind of fault, both walks. The
// outcome is put into words, compared with what the design says, and printed as a table.
#include "tests/unit/lifecycle/lifecycle_vm.hpp"

#include <array>
#include <doctest/doctest.h>

using namespace baton;
using namespace baton::test;
using CpuOn = Lifecycle::CpuOn;
using Cpus = std::vector<VcpuId>;

namespace {

constexpr u32 cpus = 5;
constexpr u32 boot_cpu = 0;
constexpr u32 deadline_ms = 100;

enum class Fault { lost, late, overdue, kick };
constexpr std::array fault_names{"lost", "late", "overdue", "double kick"};

struct Cell {
    const Step& step;
    Fault fault;
    bool serial;

    u32 victim() const { return step.stage == Stage::gather ? boot_cpu : 3; }
    /// The victim begins its lateness when the next kernel waits for it. In the serial walk the
    /// boot CPU has waited before.
    bool begins_late() const {
        return step.stage == Stage::take_down &&
               (fault == Fault::overdue || (fault == Fault::late && !serial));
    }
};

/// What the design says, by stage and fault.
std::string expected(const Cell& cell) {
    const bool serial = cell.serial;
    switch (cell.step.stage) {
    case Stage::drain:
        switch (cell.fault) {
        case Fault::lost:
            return "CPU 3 lost and fenced after 100 ms; CPU_ON refused";
        case Fault::late:
            return "all there after 25 ms; CPU_ON works";
        case Fault::overdue:
            return "CPU 3 lost and fenced after 100 ms, came and parked; CPU_ON refused";
        case Fault::kick:
            return "all there after 0 ms; CPU_ON works";
        }
        break;
    case Stage::gather:
        switch (cell.fault) {
        case Fault::lost:
            return "4 APs gave up on boot CPU 0";
        case Fault::late:
            return "all there after 25 ms";
        case Fault::overdue:
            return "all there after 200 ms";
        case Fault::kick:
            return "all there after 0 ms";
        }
        break;
    case Stage::take_down:
        switch (cell.fault) {
        case Fault::lost:
            return std::string{"all there after "} + (serial ? "100" : "0") +
                   " ms; CPU_ON timed out; CPU_ON timed out; given up; CPU_ON refused";
        case Fault::late:
            return serial ? "all there after 25 ms; CPU_ON works"
                          : "all there after 0 ms; CPU_ON works after 25 ms";
        case Fault::overdue:
            return std::string{"all there after "} + (serial ? "100" : "0") +
                   " ms; CPU_ON timed out; CPU_ON works";
        case Fault::kick:
            return "all there after 0 ms; CPU_ON works";
        }
        break;
    }
    return "?";
}

struct FaultyVm : TestVm {
    explicit FaultyVm(const Cell& what)
        : TestVm{cpus, {.serial = what.serial, .deadline_ms = deadline_ms}}, cell{what} {
        may_be_abandoned = true;
        start_all(boot_cpu);
        before_step = [this](std::string_view name) {
            if (name == cell.step.name && index(self()) == cell.victim() && !suffered) {
                suffered = true;
                suffer();
            }
        };
        exec(boot_cpu);
        CHECK(suffered);
    }
    ~FaultyVm() { stop(); } // its members outlive the threads

    u64 ms(Ticks ticks) const { return ticks * 1000 / frequency(); }

    std::string outcome() { return handover() + (cell.victim() == boot_cpu ? "" : try_cpu_on()); }

    /// The next kernel is a kernel like any other: it starts all that can be started, and hands
    /// over to the one after it.
    void hand_over_again(u32 expected_cpus) {
        start_all(boot_cpu);
        exec(1);
        CHECK(kernel == 2);
        CHECK(lifecycle.report()->cpus == expected_cpus);
        CHECK(lifecycle.report()->lost == 0);
        CHECK(count(State::idle_dead) == expected_cpus - 1);
    }

    const Cell cell;
    bool suffered = false; ///< only the victim touches it while CPUs run

  private:
    void sleep_for(u64 milliseconds) {
        const Ticks until = now() + milliseconds * frequency() / 1000;
        while (now() < until && !stopping()) {
            wait(until);
        }
    }

    void suffer() {
        if (cell.fault == Fault::lost || cell.begins_late()) {
            stall();
        }
        if (cell.fault == Fault::late) {
            sleep_for(deadline_ms / 4);
        } else if (cell.fault == Fault::overdue) {
            sleep_for(2 * deadline_ms);
        } else if (cell.fault == Fault::kick) {
            arch::kick_others(arch::self());
            kick(boot_cpu);
        }
    }

    std::string handover() {
        if (!abandoned.empty()) {
            CHECK(abandoned == Cpus(abandoned.size(), VcpuId{boot_cpu}));
            CHECK(kernel == 0);
            return std::to_string(abandoned.size()) + " APs gave up on boot CPU 0";
        }
        CHECK(state(boot_cpu) == State::online);
        CHECK(kernel == 1);
        CHECK(violations == 0);
        const auto report = lifecycle.report();
        REQUIRE(report);
        CHECK(report->cpus == cpus);
        std::string said = "all there";
        if (report->lost != 0) {
            CHECK(report->lost == 1);
            CHECK(lifecycle.lost_in(VcpuId{3}, 1));
            CHECK(state(3) == State::lost);
            said = fenced == Cpus{VcpuId{3}} ? "CPU 3 lost and fenced" : "CPU 3 lost";
        } else {
            CHECK(fenced.empty());
        }
        said += " after " + std::to_string(ms(report->blackout())) + " ms";
        const bool came = record(3).steps == std::vector<std::string>{"vcpu", "timer"};
        return said + (report->lost != 0 && came && cell.fault == Fault::overdue
                           ? ", came and parked"
                           : "");
    }

    /// As often as it times out, but twice at most; then as the next kernel's end would do it.
    std::string try_cpu_on() {
        CpuOn answer{};
        std::string said;
        bool late = cell.begins_late();
        for (int attempt = 0; attempt < 2; attempt++) {
            const Ticks before = now();
            post(boot_cpu, [&] {
                Next next{};
                answer = call_cpu_on(3, next);
                return next;
            });
            if (std::exchange(late, false)) {
                resume(3);
            }
            rest();
            const u64 waited = ms(now() - before);
            said += answer == CpuOn::success     ? "; CPU_ON works"
                    : answer == CpuOn::timed_out ? "; CPU_ON timed out"
                    : answer == CpuOn::lost      ? "; CPU_ON refused"
                                                 : "; CPU_ON ?";
            CHECK(waited <= 2 * deadline_ms);
            if (answer == CpuOn::success && waited > 0) {
                said += " after " + std::to_string(waited) + " ms";
            }
            if (answer != CpuOn::timed_out) {
                return said;
            }
        }
        on(boot_cpu, [&] {
            const auto quiesced = lifecycle.quiesce();
            if (quiesced && Cpus(quiesced->begin(), quiesced->end()) == Cpus{VcpuId{3}}) {
                said += "; given up";
            }
            return Next::resume;
        });
        return said + (cpu_on(boot_cpu, 3) == CpuOn::lost ? "; CPU_ON refused" : "; CPU_ON ?");
    }
};

/// Puts a cell to the test.
std::string examine(const Cell& cell) {
    FaultyVm vm{cell};
    const std::string said = vm.outcome();
    if (vm.kernel == 1) {
        const bool lost = vm.state(3) == State::lost;
        CHECK(vm.record(3).launches == (vm.state(3) == State::online ? 2 : 1));
        vm.hand_over_again(lost ? cpus - 1 : cpus);
        CHECK(vm.state(3) == (lost ? State::lost : State::idle_dead));
        CHECK(vm.violations == 0);
    }
    return said;
}

} // namespace

TEST_CASE("each step with each fault") {
    for (const bool serial : {false, true}) {
        std::printf("%s walk, %u CPUs, boot CPU %u, deadline %u ms\n",
                    serial ? "serial" : "parallel", cpus, boot_cpu, deadline_ms);
        for (const Step& step : TestVm::table_of_steps()) {
            constexpr std::array stage_names{"drain", "gather", "take down"};
            for (const Fault fault : {Fault::lost, Fault::late, Fault::overdue, Fault::kick}) {
                const Cell cell{step, fault, serial};
                const std::string said = examine(cell);
                std::printf("  %-9s %-7s %-12s %s\n", stage_names[static_cast<usize>(step.stage)],
                            step.name, fault_names[static_cast<usize>(fault)], said.c_str());
                CAPTURE(serial);
                CAPTURE(step.name);
                CHECK(said == expected(cell));
            }
        }
    }
    std::fflush(stdout);
}
