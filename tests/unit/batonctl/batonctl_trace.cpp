// SPDX-License-Identifier: BSD-2-Clause
#include "guest-api/batonctl/trace.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>

using namespace batonctl;

namespace {

baton_trace_cpu cpu(baton_u32 number, baton_u32 fate) {
    baton_trace_cpu result{};
    result.handover = 3;
    result.number = number;
    result.fate = fate;
    result.joined = result.arrived = result.dead = BATON_NEVER;
    std::ranges::fill(result.steps, baton_step_time{BATON_NEVER, BATON_NEVER});
    return result;
}

/// CPU 2 led, CPU 0 followed, CPU 1 was lost in its first step.
Trace example() {
    Trace trace{};
    baton_trace& whole = trace.whole;
    whole.handover = 3;
    whole.boot_cpu = 2;
    whole.cpus = 3;
    whole.lost = 1;
    whole.all_cpus = 3;
    whole.step_count = 2;
    whole.kicked = 1'000;
    whole.gathered = 40'000;
    whole.switched = 50'500;
    whole.taken_down = 60'000;
    whole.entered = 61'250;
    std::memcpy(whole.steps[0].name, "timers", 7);
    std::memcpy(whole.steps[1].name, "odd\"\\\nname12", 12);
    whole.steps[1].stage = BATON_TAKE_DOWN;
    baton_trace_cpu followed = cpu(0, BATON_FOLLOWED);
    followed.joined = 2'000;
    followed.arrived = 9'500;
    followed.dead = 70'000;
    followed.steps[0] = {3'000, 9'000};
    followed.steps[1] = {51'000, 69'000};
    baton_trace_cpu lost = cpu(1, BATON_LOST);
    lost.joined = 2'500;
    lost.steps[0] = {3'500, BATON_NEVER};
    baton_trace_cpu led = cpu(2, BATON_LED);
    led.joined = 0;
    led.steps[0] = {1'500, 2'500};
    trace.cpus = {followed, lost, led};
    return trace;
}

bool has(const std::string& text, const char* part) {
    CAPTURE(part);
    return text.find(part) != std::string::npos;
}

/// As many lines of the events as that.
int count(const std::string& text, const char* part) {
    int found = 0;
    for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) {
        found++;
    }
    return found;
}

} // namespace

TEST_CASE("the table says who was slow and who was lost") {
    const std::string table = trace_table(example());
    INFO(table);
    CHECK(has(table, "handover 3: parallel, 3 CPUs, 1 lost, boot CPU 2"));
    CHECK(has(table, "gathered            40.0\n"));
    CHECK(has(table, "entered             61.2\n"));
    CHECK(has(table, "timers       drain           2         3.5         6.0  on CPU 0\n"));
    CHECK(has(table, "   1  LOST               2.5         -         -\n"));
    CHECK(has(table, "   2  led                0.0         -         -\n"));
}

TEST_CASE("trace events: a span for each step that ended, a mark for what did not") {
    const std::string json = trace_json(example());
    INFO(json);
    CHECK(
        has(json,
            R"({"pid":3,"name":"timers","cat":"drain","ph":"X","tid":0,"ts":3.000,"dur":6.000})"));
    CHECK(has(
        json,
        R"({"pid":3,"name":"timers began, and did not end","ph":"i","s":"t","tid":1,"ts":3.500})"));
    CHECK(has(json, R"("name":"odd\"\\\u000aname12","cat":"take down")"));
    CHECK(has(json, R"("name":"gather","cat":"phase","ph":"X","tid":3,"ts":40.000,"dur":10.500)"));
    CHECK(has(json, R"|({"name":"CPU 1 (lost)"})|"));
    // 3 spans of steps, 4 of phases.
    CHECK(count(json, R"("ph":"X")") == 7);
    CHECK(json.starts_with("{\"displayTimeUnit\":\"ns\",\"traceEvents\":[\n{"));
    CHECK(json.ends_with("}\n]}\n"));
    CHECK(count(json, "},\n") == count(json, "\n{") - 1);
}

TEST_CASE("moments that did not come make no events of their own") {
    Trace trace = example();
    trace.whole.gathered = trace.whole.switched = BATON_NEVER;
    trace.cpus = {cpu(0, BATON_LOST)};
    const std::string json = trace_json(trace);
    INFO(json);
    CHECK(!has(json, "18446744073709551"));
    CHECK(has(trace_table(trace), "gathered               -\n"));
}

TEST_CASE("a trace with more steps than there is room for is cut, not overrun") {
    Trace trace = example();
    trace.whole.step_count = 1000;
    CHECK(count(trace_table(trace), "drain") >= 30);
    CHECK(has(trace_json(trace), "traceEvents"));
}
