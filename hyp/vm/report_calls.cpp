// SPDX-License-Identifier: BSD-2-Clause
//
// The calls that tell a guest how things stand: status, trace and log.
#include "guest-api/baton.h"
#include "hyp/log/log.hpp"
#include "hyp/vm/guest_ram.hpp"
#include "hyp/vm/hypercall.hpp"
#include "hyp/vm/vm.hpp"

#include <algorithm>

namespace baton {
namespace {

static_assert(max_steps <= BATON_MAX_STEPS);

CallResult answer(const Result<u64>& written) {
    return written ? CallResult{BATON_OK, true, {*written}}
                   : CallResult{abi_status(written.error()), true};
}

u64 to_ns(const Vm& vm, u64 ticks) {
    // A counter of some MHz to GHz: the product stays below 2^64 for some seconds at least.
    constexpr u64 ns = 1'000'000'000;
    const u64 frequency = vm.setup().machine->frequency();
    return ticks / frequency * ns + ticks % frequency * ns / frequency;
}

/// The moments of one handover, in ns from its exec.
class Since {
  public:
    explicit Since(Vm& vm) : vm_{vm}, exec_{vm.lifecycle().phases().exec.ticks()} {}

    u64 operator()(const Stamp& stamp) const {
        const u64 ticks = stamp.ticks();
        return ticks == 0 ? BATON_NEVER : to_ns(vm_, ticks < exec_ ? 0 : ticks - exec_);
    }

  private:
    const Vm& vm_;
    u64 exec_;
};

void count_cpus(Vm& vm, baton_status& status) {
    const Lifecycle& lifecycle = vm.lifecycle();
    status.cpus = static_cast<u32>(lifecycle.cpu_count());
    for (u32 i = 0; i < lifecycle.cpu_count(); i++) {
        switch (lifecycle.state(CpuId{i})) {
        case State::idle_dead:
        case State::claimed:
            status.parked++;
            break;
        case State::on_pending:
        case State::online:
        case State::teardown:
            status.online++;
            break;
        case State::lost:
            status.lost++;
            break;
        }
    }
}

u32 abi_state(Load::State state) {
    switch (state) {
    case Load::State::none:
        return BATON_EMPTY;
    case Load::State::copying:
        return BATON_LOADING;
    case Load::State::sealing:
        return BATON_SEALING;
    case Load::State::staged:
        return BATON_STAGED;
    }
    return BATON_EMPTY;
}

void tell_images(Vm& vm, baton_status& status) {
    const auto [load, running] = vm.image_status();
    const auto& slots = vm.images().layout().slots;
    status.slot_size = slots[0].size;
    status.running_slot = slots[running].begin.value;
    status.spare_slot = slots[1 - running].begin.value;
    status.load_state = abi_state(load.state);
    status.load_kind = load.kexec == Kexec::host ? BATON_HOST_KEXEC : BATON_GUEST_KEXEC;
    status.load_id = load.id;
    status.load_size = load.size;
    status.load_done = load.done;
    status.load_needs = load.needs;
    status.copy_ns = to_ns(vm, load.copying);
    status.digest_ns = to_ns(vm, load.digesting);
    status.clean_ns = to_ns(vm, load.cleaning);
}

} // namespace

CallResult status_call(Vm& vm, const GuestCall& call) {
    baton_status status{};
    count_cpus(vm, status);
    tell_images(vm, status);
    if (const auto report = vm.lifecycle().report()) {
        status.handovers = report->handover;
        status.blackout_ns = to_ns(vm, report->blackout());
        status.last_cpus = report->cpus;
        status.last_lost = report->lost;
    }
    status.watchdog_s = vm.setup().watchdog_s;
    status.max_chunk = BATON_MAX_CHUNK;
    return answer(write_struct(call.argument(0), call.argument(1), status));
}

CallResult trace_call(Vm& vm, const GuestCall& call) {
    Lifecycle& lifecycle = vm.lifecycle();
    baton_trace trace{};
    if (const auto report = lifecycle.report()) {
        const PhaseTrace& phases = lifecycle.phases();
        const Since since{vm};
        trace.handover = report->handover;
        trace.serial = report->serial ? 1 : 0;
        trace.boot_cpu = index(report->boot_cpu);
        trace.cpus = report->cpus;
        trace.lost = report->lost;
        trace.all_cpus = static_cast<u32>(lifecycle.cpu_count());
        trace.kicked = since(phases.kicked);
        trace.gathered = since(phases.gathered);
        trace.switched = since(phases.switched);
        trace.taken_down = since(phases.taken_down);
        trace.entered = since(phases.entered);
        for (const Step& step : lifecycle.steps()) {
            baton_step_info& info = trace.steps[trace.step_count++];
            const std::string_view name{step.name};
            name.copy(info.name, sizeof info.name - 1);
            info.stage = static_cast<u32>(step.stage);
        }
    }
    return answer(write_struct(call.argument(0), call.argument(1), trace));
}

namespace {

u32 fate_of(const Lifecycle& lifecycle, CpuId cpu, const Report& report) {
    if (lifecycle.lost_in(cpu, report.handover)) {
        return BATON_LOST;
    }
    const CpuTrace& trace = lifecycle.trace(cpu);
    if (trace.epoch.load(std::memory_order_acquire) != report.handover) {
        return BATON_WAS_OFF;
    }
    if (cpu == report.boot_cpu) {
        return BATON_LED;
    }
    return trace.dead.ticks() != 0 ? BATON_FOLLOWED : BATON_UNFINISHED;
}

} // namespace

CallResult trace_cpu_call(Vm& vm, const GuestCall& call) {
    const Lifecycle& lifecycle = vm.lifecycle();
    if (call.argument(0) >= lifecycle.cpu_count()) {
        return {BATON_INVALID_PARAMETER, true};
    }
    const CpuId cpu{static_cast<u32>(call.argument(0))};
    baton_trace_cpu record{};
    if (const auto report = lifecycle.report()) {
        const CpuTrace& trace = lifecycle.trace(cpu);
        const Since since{vm};
        record.handover = report->handover;
        record.fate = fate_of(lifecycle, cpu, *report);
        // What is left of an older handover means nothing.
        const bool took_part = trace.epoch.load(std::memory_order_acquire) == report->handover;
        const auto moment = [&](const Stamp& stamp) {
            return took_part ? since(stamp) : BATON_NEVER;
        };
        record.joined = moment(trace.joined);
        record.arrived = moment(trace.arrived);
        record.dead = moment(trace.dead);
        for (usize row = 0; row < lifecycle.steps().size(); row++) {
            record.steps[row] = {moment(trace.steps[row].begin), moment(trace.steps[row].end)};
        }
    }
    record.mpidr = vm.platform().cpus[index(cpu)].mpidr;
    record.number = index(cpu);
    return answer(write_struct(call.argument(1), call.argument(2), record));
}

CallResult log_call(Vm&, const GuestCall& call) {
    const u64 room = call.argument(2);
    if (room == 0 || room > BATON_MAX_CHUNK) {
        return {BATON_INVALID_PARAMETER, true};
    }
    const auto to = guest_ram(call.argument(1), room);
    if (!to) {
        return {abi_status(to.error()), true};
    }
    u64 position = call.argument(0);
    u64 written = 0;
    log::read(position, room, [&](std::string_view piece) {
        // The range was checked as a whole.
        (void)write_guest(call.argument(1) + written, std::as_bytes(std::span{piece}));
        written += piece.size();
    });
    return {BATON_OK, true, {written, position}};
}

} // namespace baton
