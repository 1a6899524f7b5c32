// SPDX-License-Identifier: BSD-2-Clause
#pragma once

// Members of VgicFrames: what an access to a register does. Included by vgic_frames.hpp.

namespace baton::arm64::gic {

template <GicHardware Hardware>
u64 VgicFrames<Hardware>::read_distributor(Cpu& cpu, u32 offset, u32 size) {
    if (const auto at = bank_register(offset, size)) {
        // With affinity routing bank 0 is in the Redistributors.
        if (at->bank == 0 || !distributor_.has_bank(at->bank)) {
            return 0;
        }
        return read_bank(cpu, distributor_.bank(at->bank), true, *at, size);
    }
    if (is_bank_register(offset) || !is_aligned(offset, size)) {
        return 0;
    }
    return size == 4 ? distributor_.read32(offset) : size == 8 ? distributor_.read64(offset) : 0;
}

template <GicHardware Hardware>
void VgicFrames<Hardware>::write_distributor(Cpu& cpu, u32 offset, u32 size, u64 value) {
    if (const auto at = bank_register(offset, size)) {
        if (at->bank != 0 && distributor_.has_bank(at->bank)) {
            write_bank(cpu, distributor_.bank(at->bank), true, *at, size, static_cast<u32>(value));
        }
        return;
    }
    if (is_bank_register(offset) || !is_aligned(offset, size)) {
        return;
    }
    if (size == 4 && Gicd32{offset} == Gicd32::CTLR) {
        write_control(cpu, static_cast<u32>(value));
    } else if (size == 4 || size == 8) {
        distributor_.write_route(
            offset, size, value,
            [this](Affinity affinity) { return this->member(affinity) != nullptr; },
            this->has_all_cpus());
    }
}

template <GicHardware Hardware>
void VgicFrames<Hardware>::write_control(Cpu& cpu, u32 value) {
    const u32 old = distributor_.set_control(value);
    const u32 now = distributor_.control().load(std::memory_order_relaxed);
    if (now == old) {
        return;
    }
    if (now == 0) {
        this->stop_lpis_of_last_kernel(cpu);
    }
    const bool any_off = (old & ~now) != 0;
    std::atomic_thread_fence(std::memory_order_seq_cst); // As in present_sgis.
    bool kick = any_off;
    for (Cpu* const member : members_) {
        member->redistributor.bank().forward();
        if (any_off) {
            member->groups_changed.store(true, std::memory_order_release);
        }
        kick |=
            member->redistributor.bank().deliverable() != 0 || member->interface.has_waiting_lpis();
    }
    if (kick) {
        this->kick_others(cpu);
        flush(cpu);
    }
}

template <GicHardware Hardware>
u64 VgicFrames<Hardware>::read_redistributor(Cpu& cpu, RedistributorAccess at, u32 size) {
    if (!is_aligned(at.offset, size)) {
        return 0;
    }
    if (at.offset < gicr_frame_size) {
        return at.cpu != nullptr ? at.cpu->redistributor.read(at.offset, size)
                                 : VirtualRedistributor<Hardware>::read_foreign(
                                       at.typer, this->lpi_id_bits() != 0, at.offset, size);
    }
    const auto reg = sgi_register(at.offset, size);
    return at.cpu != nullptr && reg
               ? read_bank(cpu, at.cpu->redistributor.bank(), at.cpu == &cpu, *reg, size)
               : 0;
}

template <GicHardware Hardware>
void VgicFrames<Hardware>::write_redistributor(Cpu& cpu, RedistributorAccess at, u32 size,
                                               u64 value) {
    if (at.cpu == nullptr || !is_aligned(at.offset, size)) {
        return;
    }
    if (at.offset < gicr_frame_size) {
        if (size == 4 && Gicr32{at.offset} == Gicr32::CTLR) {
            this->write_lpi_control(cpu, *at.cpu, static_cast<u32>(value));
        } else {
            at.cpu->redistributor.write(at.offset, size, value);
        }
        return;
    }
    if (const auto reg = sgi_register(at.offset, size)) {
        write_bank(cpu, at.cpu->redistributor.bank(), at.cpu == &cpu, *reg, size,
                   static_cast<u32>(value));
        this->note_idle_sgis(*at.cpu);
        this->present_sgis(cpu, *at.cpu);
    }
}

template <GicHardware Hardware>
u32 VgicFrames<Hardware>::read_bank(Cpu& cpu, Bank& bank, bool own, InterruptRegisterAt at,
                                    u32 size) {
    if (size == 1) {
        return bank.read_priority(at.byte);
    }
    const bool about_state =
        at.reg >= InterruptRegister::ISPENDR && at.reg <= InterruptRegister::ICACTIVER;
    return bank.read(at, own && about_state ? cpu.interface.held(bank.number()) : HeldInterrupts{});
}

template <GicHardware Hardware>
void VgicFrames<Hardware>::write_bank(Cpu& cpu, Bank& bank, bool own, InterruptRegisterAt at,
                                      u32 size, u32 value) {
    auto& interface = cpu.interface;
    const auto held = [&] { return own ? interface.held(bank.number()) : HeldInterrupts{}; };
    switch (at.reg) {
    case InterruptRegister::IGROUPR:
        return bank.set_group1(value);
    case InterruptRegister::ISENABLER:
        return bank.enable(value);
    case InterruptRegister::ICENABLER:
        bank.disable(value);
        if (own) {
            interface.withdraw(bank.number(), value, banks(cpu));
        }
        return;
    case InterruptRegister::ISPENDR:
        return bank.set_pending(value, held());
    case InterruptRegister::ICPENDR:
        if (own) {
            interface.clear_pending(bank.number(), value, banks(cpu));
        }
        return bank.clear_pending(value);
    case InterruptRegister::ISACTIVER:
        return bank.set_active(value);
    case InterruptRegister::ICACTIVER: {
        const HeldInterrupts in = held();
        if (own) {
            interface.clear_active(bank.number(), value, banks(cpu));
        }
        return bank.clear_active(value, in);
    }
    case InterruptRegister::ICFGR:
        return bank.set_config(at.byte, value);
    case InterruptRegister::IPRIORITYR:
        return bank.set_priorities(at.byte, size, value);
    default:
        return;
    }
}

} // namespace baton::arm64::gic
