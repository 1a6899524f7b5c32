// SPDX-License-Identifier: BSD-2-Clause
#pragma once

// Members of BasicVgic; included by basic_vgic.hpp.

namespace baton::arm64::gic {

namespace detail {

/// Every Redistributor of one region, from its begin to the one that says it is the last.
template <class Machine>
Result<> walk_redistributors(PhysRange region, u64 given_stride, FrameMap& map) {
    using Frame = typename Redistributor<Machine>::Frame;
    constexpr u64 smallest = 2 * gicr_frame_size;
    for (u64 at = 0; region.size >= smallest && at <= region.size - smallest;) {
        const Frame frame{region.begin + at};
        if ((frame.read(Gicr32::PIDR2) & gic_pidr2::ArchRev) < gic_pidr2::ArchRev_GICv3) {
            return std::unexpected(Error::unsupported);
        }
        const u64 typer = frame.read(Gicr64::TYPER);
        const u64 own_size = (typer & gicr_typer::VLPIS) != 0 ? 2 * smallest : smallest;
        const u64 stride = given_stride != 0 ? given_stride : own_size;
        if (!map.add(region, region.begin + at, stride, typer)) {
            return std::unexpected(Error::too_many);
        }
        if ((typer & gicr_typer::Last) != 0) {
            break;
        }
        at += stride;
    }
    return {};
}

constexpr bool is_ppi(u32 intid) { return intid >= first_ppi && intid < first_spi; }

} // namespace detail

template <class Machine>
Result<> BasicVgic<Machine>::init(const Platform& platform, u64 boot_mpidr) {
    maintenance_ = platform.arch->gic.maintenance_interrupt;
    timer_ = platform.arch->timer.hyp;
    const u32 other_timer = platform.arch->timer.hyp_virt.value_or(timer_);
    if (!detail::is_ppi(maintenance_) || !detail::is_ppi(timer_) || !detail::is_ppi(other_timer)) {
        return std::unexpected(Error::unsupported);
    }
    own_ = bit_of(kick_sgi) | bit_of(maintenance_) | bit_of(timer_);
    hidden_ = own_ | bit_of(other_timer);

    const u8 priorities = typename Machine::CpuInterface{}.implemented_virtual_priority();
    if (const auto done = distributor_.bring_up(platform.arch->gic.distributor,
                                                packed_affinity(boot_mpidr), priorities);
        !done) {
        return done;
    }
    lpi_id_bits_ = platform.arch->gic.its.empty() ? 0 : distributor_.lpi_id_bits();
    distributor_.offer_lpis(lpi_id_bits_ != 0);
    for (const PhysRange frames : platform.arch->gic.its) {
        if (const auto done = its_[its_count_++].bring_up(frames); !done) { // as many as there are
            return done;
        }
    }
    for (const PhysRange region : platform.arch->gic.redistributors) {
        if (const auto done = detail::walk_redistributors<Machine>(
                region, platform.arch->gic.redistributor_stride, frames_);
            !done) {
            return done;
        }
    }
    return {};
}

template <class Machine>
Result<> BasicVgic<Machine>::attach(CpuId id, u64 mpidr, Cpu& cpu) {
    cpu.affinity_ = packed_affinity(mpidr);
    FrameMap::Frame* frame = frames_.find_affinity(cpu.affinity_);
    if (frame == nullptr) {
        return std::unexpected(Error::unsupported);
    }
    frame->cpu = id;
    cpu.frames_ = frame->range;
    cpu.redistributor_.attach(frame->range.begin, hidden_,
                              cpu.interface_.hardware().implemented_virtual_priority(),
                              distributor_.control(), lpi_id_bits_);
    cpus_[index(id)] = &cpu;
    cpu_count_ = std::max(cpu_count_, index(id) + 1);
    return by_affinity_.add(cpu.affinity_, id) ? Result<>{} : std::unexpected(Error::too_many);
}

template <class Machine>
Result<> BasicVgic<Machine>::init_cpu(Cpu& cpu) {
    // The Redistributor is awake before its CPU interface is turned on (IHI 0069, 11.1).
    if (const auto done = cpu.redistributor_.bring_up(own_); !done) {
        return done;
    }
    cpu.redistributor_.take_part_in_1_of_n(false);
    if (const auto done =
            cpu.interface_.hardware().bring_up(!distributor_.has_one_security_state());
        !done) {
        return done;
    }
    cpu.interface_.bring_up(cpu.redistributor_.priority_bits());
    return {};
}

} // namespace baton::arm64::gic
