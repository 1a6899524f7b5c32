// SPDX-License-Identifier: BSD-2-Clause
#include "text.hpp"
#include "trace.hpp"

#include <algorithm>

namespace batonctl {
namespace {

/// Collects events, one a line. Their times are microseconds with a fraction.
class Events {
  public:
    explicit Events(baton_u64 handover) : handover_(handover) {}

    void name(const char* what, unsigned track, const std::string& name) {
        add(format("\"name\":\"%s\",\"ph\":\"M\",\"tid\":%u,\"args\":{\"name\":%s}", what, track,
                   json_string(name).c_str()));
    }

    /// From begin to end; a moment that did not come makes it a mark at the other, or nothing.
    void span(unsigned track, const std::string& name, const char* category, baton_u64 begin,
              baton_u64 end) {
        if (begin == BATON_NEVER || end == BATON_NEVER || end < begin) {
            mark(track, name + (begin == BATON_NEVER ? " ended" : " began, and did not end"),
                 begin == BATON_NEVER ? end : begin);
            return;
        }
        add(format("\"name\":%s,\"cat\":\"%s\",\"ph\":\"X\",\"tid\":%u,\"ts\":%.3f,\"dur\":%.3f",
                   json_string(name).c_str(), category, track, microseconds(begin),
                   microseconds(end - begin)));
    }

    void mark(unsigned track, const std::string& name, baton_u64 time) {
        if (time != BATON_NEVER) {
            add(format("\"name\":%s,\"ph\":\"i\",\"s\":\"t\",\"tid\":%u,\"ts\":%.3f",
                       json_string(name).c_str(), track, microseconds(time)));
        }
    }

    std::string finish() && {
        return "{\"displayTimeUnit\":\"ns\",\"traceEvents\":[\n" + std::move(text_) + "\n]}\n";
    }

  private:
    static double microseconds(baton_u64 nanoseconds) {
        return static_cast<double>(nanoseconds) / 1000;
    }

    void add(const std::string& fields) {
        text_ += text_.empty() ? "" : ",\n";
        text_ += format("{\"pid\":%llu,%s}", handover_, fields.c_str());
    }

    baton_u64 handover_;
    std::string text_;
};

void add_phases(Events& events, const baton_trace& whole) {
    const unsigned track = whole.all_cpus; // behind all CPUs
    events.name("thread_name", track, "phases");
    events.mark(track, "kicked", whole.kicked);
    events.span(track, "drain", "phase", 0, whole.gathered);
    events.span(track, "gather", "phase", whole.gathered, whole.switched);
    events.span(track, "take down", "phase", whole.switched, whole.taken_down);
    events.span(track, "enter", "phase", whole.taken_down, whole.entered);
}

void add_cpu(Events& events, const baton_trace& whole, const baton_trace_cpu& cpu) {
    events.name("thread_name", cpu.number,
                format("CPU %u%s", cpu.number,
                       cpu.fate == BATON_LED    ? " (boot CPU)"
                       : cpu.fate == BATON_LOST ? " (lost)"
                                                : ""));
    events.mark(cpu.number, "out of the guest", cpu.joined);
    const unsigned steps = std::min(whole.step_count, BATON_MAX_STEPS);
    for (unsigned step = 0; step < steps; step++) {
        const baton_step_time& time = cpu.steps[step];
        if (time.begin != BATON_NEVER || time.end != BATON_NEVER) {
            events.span(cpu.number, step_name(whole.steps[step]),
                        stage_name(whole.steps[step].stage), time.begin, time.end);
        }
    }
    events.mark(cpu.number, "at the barrier", cpu.arrived);
    events.mark(cpu.number, "dead", cpu.dead);
}

} // namespace

std::string trace_json(const Trace& trace) {
    Events events(trace.whole.handover);
    events.name("process_name", 0, format("Baton, handover %llu", trace.whole.handover));
    add_phases(events, trace.whole);
    for (const baton_trace_cpu& cpu : trace.cpus) {
        add_cpu(events, trace.whole, cpu);
    }
    return std::move(events).finish();
}

} // namespace batonctl
