// SPDX-License-Identifier: BSD-2-Clause
#pragma once

// Members of BasicVgic; included by basic_vgic.hpp.

namespace baton::arm64::gic {

namespace detail {

constexpr bool is_bank_register(u32 offset) {
    return offset >= static_cast<u32>(InterruptRegister::IGROUPR) &&
           offset < static_cast<u32>(InterruptRegister::end);
}

/// Accesses of other sizes are RAZ/WI (IHI 0069, 12.1.3): words, or bytes of a priority register.
constexpr bool is_bank_access(u32 offset, u32 size) {
    const bool priority = offset >= static_cast<u32>(InterruptRegister::IPRIORITYR) &&
                          offset < static_cast<u32>(InterruptRegister::ITARGETSR);
    return is_bank_register(offset) && (size == 4 || (size == 1 && priority)) &&
           is_aligned(offset, size);
}

} // namespace detail

template <GicHardware Hardware>
auto BasicVgic<Hardware>::find_redistributor(Cpu& cpu, PhysAddr address)
    -> std::optional<RedistributorAccess> {
    if (cpu.frames_.contains(address)) { // The common case.
        return RedistributorAccess{&cpu, 0, static_cast<u32>(address - cpu.frames_.begin)};
    }
    const FrameMap::Frame* frame = gic_->frames().find(address);
    if (frame == nullptr) {
        return std::nullopt;
    }
    return RedistributorAccess{frame->cpu ? cpus_[index(*frame->cpu)] : nullptr, frame->typer,
                               static_cast<u32>(address - frame->range.begin)};
}

template <GicHardware Hardware>
u64 BasicVgic<Hardware>::read_redistributor(Cpu& cpu, GuestAddr address, u32 size) {
    const auto at = find_redistributor(cpu, to_phys(address));
    return at ? redistributor_read(cpu, *at, size) : 0;
}

template <GicHardware Hardware>
void BasicVgic<Hardware>::write_redistributor(Cpu& cpu, GuestAddr address, u32 size, u64 value) {
    if (const auto at = find_redistributor(cpu, to_phys(address))) {
        redistributor_write(cpu, *at, size, value);
    }
}

template <GicHardware Hardware>
u64 BasicVgic<Hardware>::read_its(u32 n, u64 offset, u32 size) {
    return offset < gits_frame_size && is_aligned(offset, size)
               ? gic_->its(n).read(static_cast<u32>(offset), size)
               : 0;
}

template <GicHardware Hardware>
void BasicVgic<Hardware>::write_its(u32 n, u64 offset, u32 size, u64 value) {
    if (offset < gits_frame_size && is_aligned(offset, size)) {
        gic_->its(n).write(static_cast<u32>(offset), size, value);
    }
}

template <GicHardware Hardware>
std::optional<u64> BasicVgic<Hardware>::mmio_read(Cpu& cpu, GuestAddr address, u32 size) {
    const PhysAddr physical = to_phys(address);
    const PhysRange distributor = gic_->distributor().range();
    if (distributor.contains(physical)) {
        return read_distributor(cpu, static_cast<u32>(physical - distributor.begin), size);
    }
    if (const auto at = find_redistributor(cpu, physical)) {
        return redistributor_read(cpu, *at, size);
    }
    if (const auto n = find_its(physical)) {
        return read_its(*n, physical - gic_->its(*n).range().begin, size);
    }
    return std::nullopt;
}

template <GicHardware Hardware>
bool BasicVgic<Hardware>::mmio_write(Cpu& cpu, GuestAddr address, u32 size, u64 value) {
    const PhysAddr physical = to_phys(address);
    const PhysRange distributor = gic_->distributor().range();
    if (distributor.contains(physical)) {
        write_distributor(cpu, static_cast<u32>(physical - distributor.begin), size, value);
        return true;
    }
    if (const auto at = find_redistributor(cpu, physical)) {
        redistributor_write(cpu, *at, size, value);
        return true;
    }
    if (const auto n = find_its(physical)) {
        write_its(*n, physical - gic_->its(*n).range().begin, size, value);
        return true;
    }
    return false;
}

template <GicHardware Hardware>
u64 BasicVgic<Hardware>::read_distributor(Cpu& cpu, u32 offset, u32 size) {
    if (detail::is_bank_access(offset, size)) {
        const auto at = InterruptRegisterAt::decode(offset);
        // With affinity routing bank 0 is in the Redistributors.
        if (at.bank == 0 || !distributor_.has_bank(at.bank)) {
            return 0;
        }
        return bank_read(cpu, distributor_.bank(at.bank), true, at, size);
    }
    if (detail::is_bank_register(offset) || !is_aligned(offset, size)) {
        return 0;
    }
    return size == 4 ? distributor_.read32(offset) : size == 8 ? distributor_.read64(offset) : 0;
}

template <GicHardware Hardware>
void BasicVgic<Hardware>::write_distributor(Cpu& cpu, u32 offset, u32 size, u64 value) {
    if (detail::is_bank_access(offset, size)) {
        const auto at = InterruptRegisterAt::decode(offset);
        if (at.bank != 0 && distributor_.has_bank(at.bank)) {
            bank_write(cpu, distributor_.bank(at.bank), true, at, size, static_cast<u32>(value));
        }
        return;
    }
    if (detail::is_bank_register(offset) || !is_aligned(offset, size)) {
        return;
    }
    if (size == 4 && Gicd32{offset} == Gicd32::CTLR) {
        control_write(cpu, static_cast<u32>(value));
    } else if (size == 4 || size == 8) {
        distributor_.write_route(
            offset, size, value,
            [this](Affinity affinity) { return find_cpu(affinity) != nullptr; }, has_all_cpus());
    }
}

template <GicHardware Hardware>
u64 BasicVgic<Hardware>::redistributor_read(Cpu& cpu, RedistributorAccess at, u32 size) {
    if (!is_aligned(at.offset, size)) {
        return 0;
    }
    if (at.offset < gicr_frame_size) {
        if (at.cpu != nullptr) {
            return size == 4   ? at.cpu->redistributor_.read32(at.offset)
                   : size == 8 ? at.cpu->redistributor_.read64(at.offset)
                               : 0;
        }
        // Of another VM's CPU, or one that Baton does not use: what kernels need to walk past it.
        if (size == 4 && Gicr32{at.offset} == Gicr32::PIDR2) {
            return gic_pidr2::ArchRev_GICv3;
        }
        const u64 typer = Redistributor<Hardware>::visible_typer(at.typer, lpi_id_bits_ != 0);
        const u32 shift = at.offset == static_cast<u32>(Gicr32::TYPER_HIGH) ? 32 : 0;
        return at.offset - shift / 8 == static_cast<u32>(Gicr64::TYPER) && size >= 4
                   ? typer >> shift
                   : 0;
    }
    const auto offset = static_cast<u32>(at.offset - gicr_sgi_base);
    if (at.cpu == nullptr || offset >= gicr_frame_size || !detail::is_bank_access(offset, size)) {
        return 0;
    }
    const auto reg = InterruptRegisterAt::decode(offset);
    return reg.bank != 0 ? 0
                         : bank_read(cpu, at.cpu->redistributor_.bank(), at.cpu == &cpu, reg, size);
}

template <GicHardware Hardware>
void BasicVgic<Hardware>::redistributor_write(Cpu& cpu, RedistributorAccess at, u32 size,
                                              u64 value) {
    if (at.cpu == nullptr || !is_aligned(at.offset, size)) {
        return;
    }
    if (at.offset < gicr_frame_size) {
        if (size == 4 && Gicr32{at.offset} == Gicr32::CTLR) {
            lpi_control_write(cpu, *at.cpu, static_cast<u32>(value));
        } else if (size == 4) {
            at.cpu->redistributor_.write32(at.offset, static_cast<u32>(value));
        } else if (size == 8) {
            at.cpu->redistributor_.write64(at.offset, value);
        }
        return;
    }
    const auto offset = static_cast<u32>(at.offset - gicr_sgi_base);
    if (offset >= gicr_frame_size || !detail::is_bank_access(offset, size)) {
        return;
    }
    const auto reg = InterruptRegisterAt::decode(offset);
    if (reg.bank == 0) {
        bank_write(cpu, at.cpu->redistributor_.bank(), at.cpu == &cpu, reg, size,
                   static_cast<u32>(value));
        note_idle_sgis(*at.cpu);
        present_sgis(cpu, *at.cpu);
    }
}

/// @param own the calling CPU's list registers may hold interrupts of this bank
template <GicHardware Hardware>
u32 BasicVgic<Hardware>::bank_read(Cpu& cpu, Bank& bank, bool own, InterruptRegisterAt at,
                                   u32 size) {
    if (size == 1) {
        return bank.read_priority(at.byte);
    }
    const bool about_state =
        at.reg >= InterruptRegister::ISPENDR && at.reg <= InterruptRegister::ICACTIVER;
    return bank.read(at,
                     own && about_state ? cpu.interface_.held(bank.number()) : HeldInterrupts{});
}

template <GicHardware Hardware>
void BasicVgic<Hardware>::bank_write(Cpu& cpu, Bank& bank, bool own, InterruptRegisterAt at,
                                     u32 size, u32 value) {
    auto& interface = cpu.interface_;
    const auto held = [&] { return own ? interface.held(bank.number()) : HeldInterrupts{}; };
    switch (at.reg) {
    case InterruptRegister::IGROUPR:
        return bank.set_group1(value);
    case InterruptRegister::ISENABLER:
        return bank.enable(value);
    case InterruptRegister::ICENABLER:
        bank.disable(value);
        if (own) {
            interface.take_back(bank.number(), value, banks(cpu));
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

template <GicHardware Hardware>
void BasicVgic<Hardware>::control_write(Cpu& cpu, u32 value) {
    const u32 old = distributor_.set_control(value);
    const u32 now = distributor_.control().load(std::memory_order_relaxed);
    if (now == old) {
        return;
    }
    if (now == 0) {
        abandon_lpis(cpu);
    }
    const bool any_off = (old & ~now) != 0;
    std::atomic_thread_fence(std::memory_order_seq_cst); // As in present_sgis.
    bool kick = any_off;
    for (Cpu* const member : members_) {
        member->redistributor_.bank().forward();
        if (any_off) {
            member->groups_changed_.store(true, std::memory_order_release);
        }
        kick |= member->redistributor_.bank().deliverable() != 0 ||
                member->interface_.has_waiting_lpis();
    }
    if (kick) {
        kick_others(cpu);
        flush(cpu);
    }
}

} // namespace baton::arm64::gic
