// SPDX-License-Identifier: BSD-2-Clause
#pragma once

// Members of BasicVgic; included by basic_vgic.hpp.

namespace baton::arm64::gic {

template <GicHardware Hardware>
auto BasicVgic<Hardware>::handle_interrupts(Cpu& cpu) -> OwnInterrupts {
    auto& hardware = cpu.interface_.hardware();
    OwnInterrupts came;
    // What is left after so many is signalled again at once: a flood does not keep a kick waiting.
    constexpr u32 most_at_once = 32;
    for (u32 n = 0; n < most_at_once; n++) {
        const Intid intid = hardware.acknowledge();
        if (intid >= first_special_intid) {
            if (!is_lpi(intid)) {
                break;
            }
            hardware.drop_priority(intid); // There is nothing to deactivate.
            cpu.interface_.insert_lpi(intid, banks(cpu));
            continue;
        }
        hardware.drop_priority(intid);
        if (!is_private(intid)) {
            if (gic_->is_own_spi(intid)) {
                came.spi = intid;
            } else {
                cpu.interface_.insert_hardware(intid, banks(cpu));
            }
        } else if ((bit_of(intid) & (hidden_ | sgi_bits)) == 0) {
            cpu.interface_.insert_hardware(intid, banks(cpu));
        } else if (intid == kick_sgi) {
            hardware.deactivate(intid);
            came.kick = true;
        } else if (intid == timer_) {
            came.timer = true;
        } else {
            if (intid == maintenance_) {
                cpu.interface_.fill(banks(cpu));
            }
            hardware.deactivate(intid);
        }
    }
    return came;
}

template <GicHardware Hardware>
void BasicVgic<Hardware>::flush(Cpu& cpu) {
    if (cpu.groups_changed_.load(std::memory_order_relaxed) &&
        cpu.groups_changed_.exchange(false, std::memory_order_acquire)) {
        cpu.interface_.take_back_unforwarded(banks(cpu));
        if (!cpu.redistributor_.lpis().enabled()) {
            cpu.interface_.forget_waiting_lpis();
        }
    }
    cpu.interface_.fill(banks(cpu));
}

template <GicHardware Hardware>
void BasicVgic<Hardware>::present_sgis(Cpu& cpu, Cpu& target) {
    // Against an SGI that is being sent meanwhile: either its sender's kick finds what was written
    // here, or it is found pending here.
    std::atomic_thread_fence(std::memory_order_seq_cst);
    if (target.redistributor_.bank().deliverable() == 0) {
        return;
    }
    if (&cpu == &target) {
        cpu.interface_.fill(banks(cpu));
    } else {
        cpu.interface_.hardware().send_sgi(SgiRequest::to(kick_sgi, target.affinity_).value);
    }
}

template <GicHardware Hardware>
bool BasicVgic<Hardware>::leave_sgi(Cpu& target, Intid sgi, bool any_group) {
    if (!target.redistributor_.bank().send(sgi, any_group)) {
        return false;
    }
    note_idle_sgis(target);
    return true;
}

template <GicHardware Hardware>
void BasicVgic<Hardware>::forget_sgis() {
    if (!has_idle_sgis_.exchange(false, std::memory_order_relaxed)) {
        return;
    }
    for (Cpu* const member : members_) {
        member->redistributor_.bank().forget_sgis();
    }
}

template <GicHardware Hardware>
void BasicVgic<Hardware>::kick_others(Cpu& self) {
    auto& hardware = self.interface_.hardware();
    if (has_all_cpus()) {
        return hardware.send_sgi(SgiRequest::to_all_others(kick_sgi).value);
    }
    const u32 own_target = AffinityMap::target_of(self.affinity_);
    for (const Row& row : rows_) {
        const bool is_own = row.first_affinity == AffinityMap::first_of(self.affinity_);
        const u32 targets = row.targets & ~(u32{is_own} << own_target);
        if (targets != 0) {
            hardware.send_sgi(
                SgiRequest::to(kick_sgi, row.first_affinity).with(kick_sgi, targets).value);
        }
    }
}

template <GicHardware Hardware>
void BasicVgic<Hardware>::pend(Intid spi) {
    if (contains(distributor_.spis(), spi)) {
        distributor_.bank(bank_of(spi)).set_pending(bit_of(spi), {});
    }
}

template <GicHardware Hardware>
void BasicVgic<Hardware>::unpend(Intid spi) {
    if (contains(distributor_.spis(), spi)) {
        distributor_.bank(bank_of(spi)).clear_pending(bit_of(spi));
    }
}

/// The targets of a guest's SGI are found, marked and kicked with the guest's own target list,
/// since its CPUs have the physical affinities. Group 0 SGIs can be made by all three registers,
/// Group 1 SGIs by ICC_SGI1R_EL1 alone, as GICD_CTLR.DS is 1 for the guest.
template <GicHardware Hardware>
void BasicVgic<Hardware>::send_sgis(Cpu& cpu, SgiRegister reg, SgiRequest request) {
    const bool any_group = reg == SgiRegister::sgi1r;
    const Intid sgi = request.intid();
    auto& hardware = cpu.interface_.hardware();
    if (request.is_to_all_others()) {
        bool reached = false;
        for (Cpu* const member : members_) {
            if (member != &cpu) {
                reached |= leave_sgi(*member, sgi, any_group);
            }
        }
        if (reached) {
            kick_others(cpu);
        }
        return;
    }
    if (!gic_->distributor().has_range_selector()) {
        request = request.without_range();
    }
    const AffinityMap::Row* row = gic_->by_affinity().find_row(request.first_affinity());
    if (row == nullptr) {
        return;
    }
    bool self = false;
    u32 others = 0;
    for (u32 targets = request.targets(); targets != 0; targets &= targets - 1) {
        const auto target = static_cast<u32>(std::countr_zero(targets));
        const auto id = row->cpu(target);
        Cpu* const member = id ? cpus_[index(*id)] : nullptr; // or another VM's
        if (member == nullptr || !leave_sgi(*member, sgi, any_group)) {
            continue;
        }
        if (member == &cpu) {
            self = true;
        } else {
            others |= u32{1} << target;
        }
    }
    if (others != 0) {
        hardware.send_sgi(request.with(kick_sgi, others).value);
    }
    if (self) {
        cpu.interface_.fill(banks(cpu));
    }
}

template <GicHardware Hardware>
bool BasicVgic<Hardware>::write_trapped_sysreg(Cpu& cpu, SysregEncoding encoding, u64 value) {
    if (encoding == ICC_SGI1R_EL1::encoding) {
        send_sgis(cpu, SgiRegister::sgi1r, {value});
    } else if (encoding == ICC_SGI0R_EL1::encoding) {
        send_sgis(cpu, SgiRegister::sgi0r, {value});
    } else if (encoding == ICC_ASGI1R_EL1::encoding) {
        send_sgis(cpu, SgiRegister::asgi1r, {value});
    } else if (encoding == ICC_DIR_EL1::encoding) {
        cpu.interface_.deactivate(Intid{static_cast<u32>(value & ICC_IAR1_EL1::INTID)}, banks(cpu));
    } else {
        return false;
    }
    return true;
}

} // namespace baton::arm64::gic
