// SPDX-License-Identifier: BSD-2-Clause
#pragma once

// Members of Gic; included by gic.hpp.

namespace baton::arm64::gic {

namespace detail {

/// Every Redistributor of one region, from its begin to the one that says it is the last.
template <GicHardware Hardware>
Result<> walk_redistributors(PhysRange region, const GicInfo& info, FrameMap& map) {
    using Frame = typename Hardware::template Mmio<Gicr32, Gicr64>;
    constexpr u64 smallest = 2 * gicr_frame_size;
    for (u64 at = 0; region.size >= smallest && at <= region.size - smallest;) {
        const Frame frame{region.begin + at};
        if ((frame.read(Gicr32::PIDR2) & gic_pidr2::ArchRev) < gic_pidr2::ArchRev_GICv3) {
            return std::unexpected(Error::unsupported);
        }
        const u64 typer = frame.read(Gicr64::TYPER);
        const u64 own_size = (typer & gicr_typer::VLPIS) != 0 ? 2 * smallest : smallest;
        const u64 stride = info.redistributor_stride != 0 ? info.redistributor_stride : own_size;
        if (!map.add(region, region.begin + at, stride, typer)) {
            return std::unexpected(Error::too_many);
        }
        if ((typer & gicr_typer::Last) != 0 && !info.redistributors_are_listed) {
            break;
        }
        at += stride;
    }
    return {};
}

constexpr bool is_ppi(u32 intid) { return intid >= first_ppi && intid < first_spi; }

} // namespace detail

template <GicHardware Hardware>
Result<> Gic<Hardware>::init(const Platform& platform, u64 boot_mpidr) {
    maintenance_ = platform.arch->gic.maintenance_interrupt;
    timer_ = platform.arch->timer.hyp;
    const u32 other_timer = platform.arch->timer.hyp_virt.value_or(timer_);
    if (!detail::is_ppi(maintenance_) || !detail::is_ppi(timer_) || !detail::is_ppi(other_timer)) {
        return std::unexpected(Error::unsupported);
    }
    own_ = bit_of(kick_sgi) | bit_of(maintenance_) | bit_of(timer_);
    hidden_ = own_ | bit_of(other_timer);

    if (const auto done =
            distributor_.bring_up(platform.arch->gic.distributor, packed_affinity(boot_mpidr));
        !done) {
        return done;
    }
    for (const PhysRange frames : platform.arch->gic.its) {
        if (const auto done = its_[its_count_++].bring_up(frames); !done) { // as many as there are
            return done;
        }
    }
    for (const PhysRange region : platform.arch->gic.redistributors) {
        if (const auto done =
                detail::walk_redistributors<Hardware>(region, platform.arch->gic, frames_);
            !done) {
            return done;
        }
    }
    return {};
}

template <GicHardware Hardware>
Result<PhysRange> Gic<Hardware>::attach(CpuId id, u64 mpidr) {
    const u32 affinity = packed_affinity(mpidr);
    FrameMap::Frame* frame = frames_.find_affinity(affinity);
    if (frame == nullptr) {
        return std::unexpected(Error::unsupported);
    }
    if (!by_affinity_.add(affinity, id)) {
        return std::unexpected(Error::too_many);
    }
    frame->cpu = id;
    cpu_count_++;
    return frame->range;
}

template <GicHardware Hardware>
bool Gic<Hardware>::own_spi(u32 intid, u64 mpidr) {
    if (is_private(intid) || !contains(distributor_.spis(), intid)) {
        return false;
    }
    const u32 n = bank_of(intid);
    own_spis_[n] |= bit_of(intid);
    auto& bank = distributor_.bank(n);
    (void)bank.set_edges(bit_of(intid), 0);
    bank.write_priority(intid % 32, own_priority);
    distributor_.route(n, bit_of(intid), packed_affinity(mpidr));
    bank.write(InterruptRegister::ISENABLER, bit_of(intid));
    return true;
}

template <GicHardware Hardware>
SpiSet Gic<Hardware>::spis() const {
    SpiSet all = distributor_.spis();
    for (u32 n = 0; n < bank_count; n++) {
        all[n] &= ~own_spis_[n];
    }
    return all;
}

} // namespace baton::arm64::gic
