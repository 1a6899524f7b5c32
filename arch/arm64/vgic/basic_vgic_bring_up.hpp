// SPDX-License-Identifier: BSD-2-Clause
#pragma once

// Members of BasicVgic; included by basic_vgic.hpp.

namespace baton::arm64::gic {

template <GicHardware Hardware>
void BasicVgic<Hardware>::init(Gic<Hardware>& gic, const SpiSet& spis, bool has_its) {
    gic_ = &gic;
    timer_ = gic.timer();
    maintenance_ = gic.maintenance();
    hidden_ = gic.hidden();
    const u8 priorities = typename Hardware::CpuInterface{}.implemented_virtual_priority();
    distributor_.init(gic.distributor(), spis, priorities);
    its_count_ = has_its ? gic.its_count() : 0;
    lpi_id_bits_ = its_count_ != 0 ? gic.distributor().lpi_id_bits() : 0;
    distributor_.offer_lpis(lpi_id_bits_ != 0);
}

template <GicHardware Hardware>
void BasicVgic<Hardware>::attach(CpuId id, Mpidr mpidr, PhysRange frames, Cpu& cpu) {
    cpu.id_ = id;
    cpu.affinity_ = affinity_of(mpidr);
    cpu.frames_ = frames;
    cpu.redistributor_.attach(frames.begin, gic_->hidden(),
                              cpu.interface_.hardware().implemented_virtual_priority(),
                              distributor_.control(), lpi_id_bits_);
    if (members_.empty()) {
        distributor_.route_first(cpu.affinity_);
    }
    cpus_[index(id)] = &cpu;
    (void)members_.push(&cpu); // as many as the machine has
    const u32 target = AffinityMap::target_of(cpu.affinity_);
    const Affinity first = AffinityMap::first_of(cpu.affinity_);
    for (Row& row : rows_) {
        if (row.first_affinity == first) {
            row.targets |= u32{1} << target;
            return;
        }
    }
    (void)rows_.push({first, u32{1} << target}); // no more than CPUs
}

template <GicHardware Hardware>
Result<> BasicVgic<Hardware>::init_cpu(Cpu& cpu) {
    // The Redistributor is awake before its CPU interface is turned on (IHI 0069, 11.1).
    if (const auto done = cpu.redistributor_.bring_up(gic_->own()); !done) {
        return done;
    }
    cpu.redistributor_.take_part_in_1_of_n(false);
    if (const auto done =
            cpu.interface_.hardware().bring_up(!gic_->distributor().has_one_security_state());
        !done) {
        return done;
    }
    cpu.interface_.bring_up(cpu.redistributor_.priority_bits());
    return {};
}

} // namespace baton::arm64::gic
