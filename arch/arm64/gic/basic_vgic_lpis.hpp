// SPDX-License-Identifier: BSD-2-Clause
#pragma once

// Members of BasicVgic; included by basic_vgic.hpp.

namespace baton::arm64::gic {

template <class Machine>
Its<Machine>* BasicVgic<Machine>::find_its(PhysAddr address) {
    for (u32 i = 0; i < its_count_ && lpi_id_bits_ != 0; i++) {
        if (its_[i].range().contains(address)) {
            return &its_[i];
        }
    }
    return nullptr;
}

template <class Machine>
void BasicVgic<Machine>::lpi_control_write(Cpu& cpu, Cpu& target, u32 value) {
    auto& lpis = target.redistributor_.lpis();
    if (&cpu != &target) {
        has_idle_lpis_.store(true, std::memory_order_relaxed); // It may never have been started.
    }
    lpis.write_control(value);
    if (&cpu == &target && lpi_id_bits_ != 0 && !lpis.enabled()) {
        cpu.interface_.drop_lpis(banks(cpu));
    }
}

template <class Machine>
void BasicVgic<Machine>::hand_over_lpis(Cpu& cpu) {
    if (cpu.redistributor_.lpis().enabled()) {
        has_idle_lpis_.store(true, std::memory_order_relaxed);
    }
    const auto left = [&]() -> Cpu* {
        for (u32 i = 0; i < cpu_count_; i++) {
            if (cpus_[i] != nullptr && cpus_[i] != &cpu && cpus_[i]->interface_.is_on()) {
                return cpus_[i];
            }
        }
        return nullptr;
    };
    while (const auto lpi = cpu.interface_.first_waiting_lpi()) {
        Cpu* const other = left();
        if (other == nullptr) {
            return; // They wait for this one.
        }
        other->interface_.leave_lpi(*lpi);
        // If it has gone off meanwhile it may have looked for the last time before this.
        if (other->interface_.is_on() || !other->interface_.take_lpi(*lpi)) {
            cpu.interface_.take_lpi(*lpi);
            cpu.interface_.hardware().send_sgi(SgiRequest::to(kick_sgi, other->affinity_).value);
        }
    }
}

template <class Machine>
void BasicVgic<Machine>::abandon_lpis(Cpu& cpu) {
    if (lpi_id_bits_ == 0) {
        return;
    }
    for (u32 i = 0; i < cpu_count_; i++) {
        if (cpus_[i] != nullptr && cpus_[i] != &cpu && cpus_[i]->interface_.is_on()) {
            return;
        }
    }
    for (u32 i = 0; i < its_count_; i++) {
        its_[i].turn_off();
    }
    for (u32 i = 0; i < cpu_count_; i++) {
        if (cpus_[i] != nullptr && cpus_[i]->redistributor_.lpis().enabled()) {
            (void)note_stuck_lpis(*cpus_[i], cpus_[i]->redistributor_.lpis().turn_off_at_once());
        }
    }
}

template <class Machine>
void BasicVgic<Machine>::break_locks() {
    if (!has_lost_cpu_) {
        return;
    }
    has_lost_cpu_ = false;
    distributor_.break_locks();
    for (u32 i = 0; i < its_count_; i++) {
        its_[i].break_lock();
    }
    for (u32 i = 0; i < cpu_count_; i++) {
        if (cpus_[i] != nullptr) {
            cpus_[i]->redistributor_.break_locks();
        }
    }
}

template <class Machine>
bool BasicVgic<Machine>::reset_its() {
    bool done = true;
    for (u32 i = 0; i < its_count_; i++) {
        done = its_[i].reset() && done;
    }
    return done;
}

template <class Machine>
bool BasicVgic<Machine>::disable_lpis_of_others() {
    if (!has_idle_lpis_.exchange(false, std::memory_order_relaxed)) {
        return true;
    }
    bool done = true;
    for (u32 i = 0; i < cpu_count_; i++) {
        if (cpus_[i] != nullptr) {
            done = reset_lpis(*cpus_[i]) && done;
        }
    }
    return done;
}

template <class Machine>
template <class F>
void BasicVgic<Machine>::give_up_stuck_lpis(F f) {
    if (!has_stuck_lpis_.load(std::memory_order_relaxed)) {
        return;
    }
    lpi_id_bits_ = 0;
    distributor_.offer_lpis(false);
    for (u32 i = 0; i < cpu_count_; i++) {
        if (cpus_[i] == nullptr) {
            continue;
        }
        auto& redistributor = cpus_[i]->redistributor_;
        redistributor.withdraw_lpis();
        if (redistributor.lpis().are_stuck()) {
            f(CpuId{i}, redistributor.lpis().tables());
        }
    }
}

} // namespace baton::arm64::gic
