// SPDX-License-Identifier: BSD-2-Clause
#include "guest-api/guest/trace.hpp"

#include "guest-api/guest/check.hpp"
#include "guest-api/guest/hypercall.hpp"

namespace baton::guest {
namespace {

class Events {
  public:
    explicit Events(const baton_trace& trace) : handover_{trace.handover} {}

    void name(std::string_view what, u32 track, std::string_view name, u64 number) const {
        event("\"name\":\"{}\",\"ph\":\"M\",\"tid\":{},\"args\":{}\"name\":\"{} {}\"{}", what,
              track, "{", name, number, "}");
    }
    /// One of which a moment did not come is left out. Times are microseconds, written as
    /// nanoseconds and an exponent.
    void span(u32 track, std::string_view name, std::string_view category, u64 begin,
              u64 end) const {
        if (begin != BATON_NEVER && end != BATON_NEVER) {
            event("\"name\":\"{}\",\"cat\":\"{}\",\"ph\":\"X\",\"tid\":{},\"ts\":{}e-3,"
                  "\"dur\":{}e-3",
                  name, category, track, begin, end - begin);
        }
    }

  private:
    /// In a pattern a brace would begin an argument.
    template <class... Arguments>
    void event(std::string_view fields, const Arguments&... arguments) const {
        print("trace: {}\"pid\":{},", "{", handover_);
        print(fields, arguments...);
        print("{}\n", "}");
    }

    u64 handover_;
};

std::string_view stage_name(u32 stage) {
    return stage == BATON_DRAIN ? "drain" : stage == BATON_GATHER ? "gather" : "take down";
}

} // namespace

void print_trace() {
    baton_trace trace{};
    (void)hypercall_into(BATON_TRACE, trace);
    const Events events{trace};
    events.name("process_name", 0, "Baton, handover", trace.handover);
    const u32 phases = trace.all_cpus;
    events.name("thread_name", phases, "phases of handover", trace.handover);
    events.span(phases, "drain", "phase", 0, trace.gathered);
    events.span(phases, "gather", "phase", trace.gathered, trace.switched);
    events.span(phases, "take down", "phase", trace.switched, trace.taken_down);
    events.span(phases, "enter", "phase", trace.taken_down, trace.entered);
    for (u32 number = 0; number < trace.all_cpus; number++) {
        baton_trace_cpu cpu{};
        (void)hypercall(BATON_TRACE_CPU, number, address_of(&cpu), sizeof cpu);
        if (cpu.fate == BATON_WAS_OFF) {
            continue;
        }
        events.name("thread_name", number, "CPU", number);
        for (u32 step = 0; step < trace.step_count; step++) {
            events.span(number, trace.steps[step].name, stage_name(trace.steps[step].stage),
                        cpu.steps[step].begin, cpu.steps[step].end);
        }
    }
}

} // namespace baton::guest
