// SPDX-License-Identifier: BSD-2-Clause
#include "hyp/arch.hpp"
#include "hyp/vm/abi_answer.hpp"
#include "hyp/vm/guest_ram.hpp"

namespace baton {
namespace {

void count_cpus(Vm& vm, baton_status& status) {
    const Lifecycle& lifecycle = vm.lifecycle();
    status.cpus = static_cast<u32>(lifecycle.cpu_count());
    for (const Vcpu& vcpu : lifecycle.vcpus()) {
        if (!arch::is_up(vcpu)) {
            status.lost++;
            continue;
        }
        switch (lifecycle.state(vcpu.id)) {
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

void describe_images(Vm& vm, baton_status& status) {
    const auto [load, running] = vm.image_status();
    const auto& slots = vm.images().slots();
    status.slot_size = slots[0].size;
    status.running_slot = slots[index(running)].begin.value;
    status.spare_slot = slots[index(other(running))].begin.value;
    status.load_state = abi_state(load.state);
    status.load_kind = load.kexec == Kexec::host ? BATON_HOST_KEXEC : BATON_GUEST_KEXEC;
    status.load_id = load.id;
    status.load_size = load.size;
    status.load_done = load.done;
    status.load_needs = load.needs;
    status.copy_ns = to_ns(load.copying);
    status.digest_ns = to_ns(load.digesting);
    status.clean_ns = to_ns(load.cleaning);
}

} // namespace

baton_status status_of(Vm& vm) {
    baton_status status{};
    count_cpus(vm, status);
    describe_images(vm, status);
    if (const auto report = vm.lifecycle().report()) {
        status.handovers = report->handover;
        status.blackout_ns = to_ns(report->blackout());
        status.last_cpus = report->cpus;
        status.last_lost = report->lost;
    }
    status.watchdog_s = vm.setup().watchdog_s;
    status.max_chunk = BATON_MAX_CHUNK;
    return status;
}

CallResult status_call(Vm& vm, const GuestCall& call) {
    return answer(write_struct(vm, call.address(0), call.argument(1), status_of(vm)));
}

} // namespace baton
