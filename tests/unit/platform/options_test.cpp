// SPDX-License-Identifier: BSD-2-Clause
#include "hyp/platform/options/options.hpp"

#include <algorithm>
#include <doctest/doctest.h>
#include <string>

using namespace baton;

namespace {

struct Parsed {
    Options options;
    OptionProblems problems;
};
Parsed parse(std::string_view bootargs) {
    Parsed parsed;
    parsed.problems = parse_options(bootargs, parsed.options);
    return parsed;
}

} // namespace

TEST_CASE("sizes are read as Linux's memparse does") {
    CHECK(parse_size("0") == 0);
    CHECK(parse_size("4096") == 4096);
    CHECK(parse_size("0x1000") == 4096);
    CHECK(parse_size("0X1f") == 31);
    CHECK(parse_size("3K") == 3 * KiB);
    CHECK(parse_size("3m") == 3 * MiB);
    CHECK(parse_size("0x2G") == 2 * GiB);
    CHECK(parse_size("18446744073709551615") == ~u64{0});
    for (const char* bad : {"", "K", "0x", "0xK", "12Q", "1 K", "-1", "1KB", "1.5G", "0x1g0",
                            "18446744073709551616", "17179869184G"}) {
        CAPTURE(bad);
        CHECK_FALSE(parse_size(bad));
    }
}

TEST_CASE("without options all is as documented") {
    for (const char* text :
         {"", "  ", "console=ttyAMA0 quiet", "batonrotate xbaton.rotate baton"}) {
        const auto [options, problems] = parse(text);
        CHECK(problems.empty());
        CHECK(options.slot_size == 0);
        CHECK(options.teardown == TeardownMode::parallel);
        CHECK(options.deadline_ms == 100);
        CHECK_FALSE(options.rotate);
        CHECK_FALSE(options.report);
        CHECK(options.panic == PanicAction::reset);
        CHECK_FALSE(options.lost_cpu);
        CHECK(options.load);
        CHECK(options.watchdog_s == 0);
        CHECK(options.park == ParkMode::off);
        CHECK_FALSE(options.counter_model);
    }
}

TEST_CASE("loading, the watchdog, and what a host kexec does") {
    const auto [options, problems] =
        parse("baton.load=off baton.watchdog=3600 baton.park=wfe baton.fault=stay:3 "
              "baton.fault=refuse:511");
    CHECK(problems.empty());
    CHECK_FALSE(options.load);
    CHECK(options.watchdog_s == 3600);
    CHECK(options.park == ParkMode::wfe);
    CHECK(options.staying_cpu == CpuId{3});
    CHECK(options.refused_cpu == CpuId{511});
    CHECK(parse("baton.load=off baton.load=on").options.load);
    for (const char* bad :
         {"baton.load", "baton.load=no", "baton.watchdog=0", "baton.watchdog=3601",
          "baton.watchdog=1s", "baton.watchdog", "baton.park=psci", "baton.park",
          "baton.fault=stay", "baton.fault=refuse:512"}) {
        CAPTURE(bad);
        CHECK(parse(bad).problems.size() == 1);
    }
}

TEST_CASE("the console's first VM goes by its name") {
    CHECK(parse("").options.console.view().empty());
    CHECK(parse("baton.console=db").options.console.view() == "db");
    const std::string longest(VmName::longest, 'n');
    CHECK(parse("baton.console=" + longest).options.console.view() == longest);
    for (const std::string& bad : {std::string{"baton.console"}, std::string{"baton.console="},
                                   "baton.console=" + longest + "n"}) {
        CAPTURE(bad);
        CHECK(parse(bad).problems.size() == 1);
        CHECK(parse(bad).options.console.view().empty());
    }
}

TEST_CASE("every option") {
    const auto [options, problems] =
        parse("a=1 baton.slot=256M baton.teardown=serial\tbaton.deadline=2500 baton.rotate "
              "baton.report  baton.panic=semihosting baton.fault=lost:3 root=/dev/vda");
    CHECK(problems.empty());
    CHECK(options.slot_size == 256 * MiB);
    CHECK(options.teardown == TeardownMode::serial);
    CHECK(options.deadline_ms == 2500);
    CHECK(options.rotate);
    CHECK(options.report);
    CHECK(options.panic == PanicAction::semihosting);
    CHECK(options.lost_cpu == CpuId{3});
    CHECK_FALSE(options.panic_cpu);
    CHECK(options.step_faults.empty());
    CHECK(parse("baton.fault=panic:2").options.panic_cpu == CpuId{2});
}

TEST_CASE("faults at steps, one after another") {
    const auto [options, problems] =
        parse("baton.fault=late:3@timers baton.fault=lost:boot@memory baton.fault=panic:2 "
              "baton.fault=kick:511@root baton.fault=overdue:0@x baton.fault=lost:1 "
              "baton.fault=late:all@vgic baton.fault=late:boot@root+100");
    CHECK(problems.empty());
    CHECK(options.panic_cpu == CpuId{2});
    CHECK(options.lost_cpu == CpuId{1});
    REQUIRE(options.step_faults.size() == 6);
    using Of = StepFault::Of;
    const auto is = [&](usize at, FaultKind kind, Of of, CpuId cpu, std::string_view step) {
        const StepFault& fault = options.step_faults[at];
        CHECK(fault.kind == kind);
        CHECK(fault.of == of);
        CHECK(fault.cpu == cpu);
        CHECK(fault.step.view() == step);
    };
    is(0, FaultKind::late, Of::one, CpuId{3}, "timers");
    is(1, FaultKind::lost, Of::boot, CpuId{}, "memory");
    is(2, FaultKind::kick, Of::one, CpuId{511}, "root");
    is(3, FaultKind::overdue, Of::one, CpuId{0}, "x");
    is(4, FaultKind::late, Of::all, CpuId{}, "vgic");
    CHECK(!options.step_faults[4].us);
    is(5, FaultKind::late, Of::boot, CpuId{}, "root");
    CHECK(parse("baton.fault=kick:1@a-name-of-15---").options.step_faults[0].step.view() ==
          "a-name-of-15---");
    CHECK(options.step_faults[5].us == 100);

    std::string many;
    for (usize i = 0; i <= decltype(Options::step_faults)::capacity; i++) {
        many += " baton.fault=kick:1@root";
    }
    const auto full = parse(many);
    CHECK(full.options.step_faults.size() == decltype(Options::step_faults)::capacity);
    CHECK(full.problems.size() == 1);
}

TEST_CASE("the options stay when the text that they were read from goes") {
    std::string text = "baton.fault=lost:1@timers baton.slot=8M";
    const Options options = parse(text).options;
    std::fill(text.begin(), text.end(), '!');
    REQUIRE(options.step_faults.size() == 1);
    CHECK(options.step_faults[0].step.view() == "timers");
    CHECK(options.slot_size == 8 * MiB);
}

TEST_CASE("a model of a DSU") {
    const auto [options, problems] = parse("baton.dsu=model");
    CHECK(problems.empty());
    CHECK(options.counter_model);
}

TEST_CASE("the last one counts") {
    CHECK(parse("baton.panic=halt baton.panic=reset").options.panic == PanicAction::reset);
    CHECK(parse("baton.slot=4M baton.slot=8M").options.slot_size == 8 * MiB);
}

TEST_CASE("what cannot be understood is named and ignored") {
    for (const char* bad : {"baton.slot",
                            "baton.slot=",
                            "baton.slot=0",
                            "baton.slot=1T",
                            "baton.teardown=both",
                            "baton.teardown",
                            "baton.deadline=0",
                            "baton.deadline=60001",
                            "baton.deadline=0x10",
                            "baton.deadline=-1",
                            "baton.rotate=1",
                            "baton.report=",
                            "baton.panic=",
                            "baton.dsu",
                            "baton.dsu=",
                            "baton.dsu=on",
                            "baton.fault=lost",
                            "baton.fault=lost:",
                            "baton.fault=lost:512",
                            "baton.fault=found:1",
                            "baton.fault=late:1",
                            "baton.fault=lost:1@",
                            "baton.fault=lost:@root",
                            "baton.fault=lost:512@root",
                            "baton.fault=lost@root:1",
                            "baton.fault=panic:1@root",
                            "baton.fault=kick:bot@root",
                            "baton.fault=lost:0x1@root",
                            "baton.fault=@:",
                            "baton.fault=late:1@root+",
                            "baton.fault=late:1@root+1ms",
                            "baton.fault=late:1@root+60000001",
                            "baton.fault=lost:1@root+100",
                            "baton.fault=late:1@+100",
                            "baton.fault=late+100:1@root",
                            "baton.fault=lost:1@a-name-too-long.",
                            "baton.",
                            "baton.slots=1M"}) {
        CAPTURE(bad);
        const auto [options, problems] = parse(std::string_view(bad));
        REQUIRE(problems.size() == 1);
        CHECK(problems[0].word == bad);
        CHECK(std::string_view(problems[0].why) != "");
        CHECK(options.slot_size == 0);
        CHECK(options.deadline_ms == 100);
        CHECK_FALSE(options.lost_cpu);
        CHECK_FALSE(options.panic_cpu);
        CHECK(options.step_faults.empty());
    }
    const auto mixed = parse("baton.none baton.report");
    CHECK(mixed.problems.size() == 1);
    CHECK(mixed.options.report);
    std::string many;
    for (int i = 0; i < 100; i++) {
        many += "baton.none ";
    }
    CHECK(parse(many).problems.size() == 8);
}
