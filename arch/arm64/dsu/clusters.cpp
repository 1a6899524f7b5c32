// SPDX-License-Identifier: BSD-2-Clause
#include "arch/arm64/dsu/clusters.hpp"

#include "arch/arm64/dsu/stop.hpp"
#include "arch/arm64/hypervisor.hpp"
#include "hyp/log/log.hpp"

#include <algorithm>
#include <memory>
#include <new>

namespace baton::arm64 {
namespace {

/// Calls use(access) with how this CPU reaches the unit.
template <class Use>
void with_access(dsu::Unit& unit, Use use) {
    if (unit.model) {
        use(dsu::Modelled{&*unit.model});
    } else {
        use(dsu::Hardware{});
    }
}

void stop(dsu::Unit& unit) {
    with_access(unit, [](auto access) { dsu::stop_counters(access); });
}

/// As if the guest had set it pending. The line is modelled as an edge: it rises once for all
/// overflows that are flagged at a time.
void raise(InterruptId spi) { this_cpu().vm->vgic.pend(spi); }

/// The guest's access, and what comes of it.
template <class Use>
void access(dsu::Unit& unit, Use use) {
    with_access(unit, use);
    if (unit.model && unit.model->take_rise()) {
        raise(unit.model->interrupt);
    }
}

} // namespace

void Clusters::plan(const Platform& platform, bool wants_model) {
    count_ = platform.cluster_count;
    if (!wants_model) {
        return;
    }
    const auto has_phandle = [](const CpuInfo& cpu) { return cpu.phandle.has_value(); };
    if (count_ != 0) {
        log::line("warning: baton.dsu=model ignored: the machine has DSUs");
    } else if (hypervisor().division.vms().size() > 1) {
        log::line("warning: baton.dsu=model ignored: it is for a machine with one VM");
    } else if (!platform.interrupt_controller.phandle ||
               !std::ranges::all_of(platform.cpus, has_phandle)) {
        log::line("warning: baton.dsu=model ignored: a node of a CPU or the GIC has no phandle");
    } else {
        models_ = true;
        count_ = static_cast<u32>(platform.cpus.size() + cpus_per_model - 1) / cpus_per_model;
    }
}

void Clusters::lay_out(PhysRange memory) {
    auto* const units = reinterpret_cast<dsu::Unit*>(memory.begin.value);
    std::uninitialized_default_construct_n(units, count_);
    units_ = {count_ != 0 ? std::launder(units) : units, count_};
    if (models_) {
        for (dsu::Unit& unit : units_) {
            unit.model.emplace();
        }
    }
}

u32 Clusters::number_of(const Platform& platform, CpuId cpu) const {
    return models_ ? index(cpu) / cpus_per_model
                   : platform.cpus[index(cpu)].cluster.value_or(count_);
}

ClusterSeat Clusters::seat(const Platform& platform, CpuId cpu) const {
    const u32 number = number_of(platform, cpu);
    const bool has_unit = number < count_ && has_one_owner(platform, number);
    return {.unit = has_unit ? &units_[number] : nullptr};
}

bool Clusters::has_one_owner(const Platform& platform, u32 number) const {
    const Division& division = hypervisor().division;
    std::optional<VmId> owner;
    for (u32 i = 0; i < platform.cpus.size(); i++) {
        const CpuId cpu{i};
        if (number_of(platform, cpu) != number) {
            continue;
        }
        if (owner && *owner != division.owner(cpu)) {
            return false;
        }
        owner = division.owner(cpu);
    }
    return true;
}

/// Their interrupts are the last SPIs of the GIC, which no device of QEMU's `virt` has.
std::span<const CounterUnit> Clusters::describe(const Platform& platform) {
    if (!models_) {
        return {};
    }
    const InterruptId end = hypervisor().gic.distributor().spi_end();
    for (u32 number = 0; number < count_; number++) {
        CounterUnit node{.interrupt_parent = *platform.interrupt_controller.phandle,
                         .interrupt_cells = platform.interrupt_controller.cells,
                         .interrupt = InterruptId{index(end) - 1 - number},
                         .cpus = {}};
        const usize last = std::min<usize>((number + 1) * cpus_per_model, platform.cpus.size());
        for (usize cpu = number * cpus_per_model; cpu < last; cpu++) {
            (void)node.cpus.push(*platform.cpus[cpu].phandle); // it has room for as many
        }
        units_[number].model->interrupt = node.interrupt;
        (void)nodes_.push(node); // as many as there are clusters
    }
    return {nodes_.begin(), nodes_.end()};
}

void Clusters::enter() const {
    ClusterSeat& seat = this_cpu().cluster;
    const auto deadline = Deadline::in_ms(hypervisor().options.deadline_ms);
    const auto may_wait = [deadline] {
        yield();
        return !deadline.passed();
    };
    seat.share = seat.unit->share.enter([&] { stop(*seat.unit); }, may_wait);
}

void Clusters::leave() const {
    ClusterSeat& seat = this_cpu().cluster;
    seat.unit->share.leave(*seat.share, [&] { stop(*seat.unit); });
    seat.share.reset();
}

void Clusters::look_after() const {
    dsu::Unit& unit = *this_cpu().cluster.unit;
    unit.share.look_after([&unit] { stop(unit); });
}

void Clusters::take_away(const Vm& vm) const {
    for (dsu::Unit& unit : units_) {
        if (unit.vm == &vm && unit.share.take_away() && !has_survivor(unit)) {
            log::line("warning: all CPUs of cluster {} are lost: its counters may still count",
                      &unit - units_.data());
        }
    }
}

bool Clusters::has_survivor(const dsu::Unit& unit) const {
    Hypervisor& baton = hypervisor();
    return std::ranges::any_of(baton.cpus, [&](const PerCpu& cpu) {
        return cpu.cluster.unit == &unit && cpu.running.load(std::memory_order_relaxed) &&
               cpu.vcpu->vm->lifecycle().state(cpu.vcpu->id) != State::lost;
    });
}

std::optional<u64> Clusters::read(SysregEncoding encoding) const {
    dsu::Unit* const unit = this_cpu().cluster.unit;
    std::optional<u64> value;
    if (unit != nullptr) {
        access(*unit, [&](auto registers) {
            const auto read = [&]<class Register>() {
                value = registers.template read<Register>();
            };
            (void)(dsu::Writable::find(encoding, read) || dsu::ReadOnly::find(encoding, read));
        });
    }
    return value;
}

bool Clusters::write(SysregEncoding encoding, u64 value) const {
    dsu::Unit* const unit = this_cpu().cluster.unit;
    bool found = false;
    if (unit != nullptr) {
        access(*unit, [&](auto registers) {
            found = dsu::Writable::find(
                encoding, [&]<class Register>() { registers.template write<Register>(value); });
        });
    }
    return found;
}

} // namespace baton::arm64
