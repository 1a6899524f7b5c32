// SPDX-License-Identifier: BSD-2-Clause
#pragma once

// Members of BasicVgic; included by basic_vgic.hpp.

namespace baton::arm64::gic {

template <GicHardware Hardware>
std::optional<u32> BasicVgic<Hardware>::find_its(PhysAddr address) const {
    for (u32 i = 0; i < its_count(); i++) {
        if (gic_->its(i).range().contains(address)) {
            return i;
        }
    }
    return std::nullopt;
}

template <GicHardware Hardware>
void BasicVgic<Hardware>::lpi_control_write(Cpu& cpu, Cpu& target, u32 value) {
    auto& lpis = target.redistributor_.lpis();
    if (&cpu != &target) {
        has_idle_lpis_.store(true, std::memory_order_relaxed); // It may never have been started.
    }
    lpis.write_control(value);
    if (&cpu == &target && lpi_id_bits_ != 0 && !lpis.enabled()) {
        cpu.interface_.drop_lpis(banks(cpu));
    }
}

template <GicHardware Hardware>
void BasicVgic<Hardware>::hand_over_lpis(Cpu& cpu) {
    if (cpu.redistributor_.lpis().enabled()) {
        has_idle_lpis_.store(true, std::memory_order_relaxed);
    }
    const auto left = [&]() -> Cpu* {
        for (Cpu* const member : members_) {
            if (member != &cpu && member->interface_.is_on()) {
                return member;
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

template <GicHardware Hardware>
void BasicVgic<Hardware>::abandon_lpis(Cpu& cpu) {
    if (lpi_id_bits_ == 0) {
        return;
    }
    for (Cpu* const member : members_) {
        if (member != &cpu && member->interface_.is_on()) {
            return;
        }
    }
    for (u32 i = 0; i < its_count_; i++) {
        gic_->its(i).turn_off();
    }
    for (Cpu* const member : members_) {
        auto& lpis = member->redistributor_.lpis();
        if (lpis.enabled()) {
            (void)note_stuck_lpis(*member, lpis.turn_off_at_once());
        }
    }
}

template <GicHardware Hardware>
void BasicVgic<Hardware>::break_locks() {
    if (!has_lost_cpu_) {
        return;
    }
    has_lost_cpu_ = false;
    distributor_.break_locks();
    for (u32 i = 0; i < its_count_; i++) {
        gic_->its(i).break_lock();
    }
    for (Cpu* const member : members_) {
        member->redistributor_.break_locks();
    }
}

template <GicHardware Hardware>
bool BasicVgic<Hardware>::reset_its() {
    break_locks();
    bool done = true;
    for (u32 i = 0; i < its_count_; i++) {
        done = gic_->its(i).reset() && done;
    }
    return done;
}

template <GicHardware Hardware>
bool BasicVgic<Hardware>::disable_lpis_of_others() {
    if (!has_idle_lpis_.exchange(false, std::memory_order_relaxed)) {
        return true;
    }
    bool done = true;
    for (Cpu* const member : members_) {
        done = reset_lpis(*member) && done;
    }
    return done;
}

template <GicHardware Hardware>
template <class F>
void BasicVgic<Hardware>::give_up_stuck_lpis(F f) {
    if (!has_stuck_lpis_.load(std::memory_order_relaxed)) {
        return;
    }
    lpi_id_bits_ = 0;
    distributor_.offer_lpis(false);
    for (Cpu* const member : members_) {
        auto& redistributor = member->redistributor_;
        redistributor.withdraw_lpis();
        if (redistributor.lpis().are_stuck()) {
            f(member->id_, redistributor.lpis().tables());
        }
    }
}

} // namespace baton::arm64::gic
