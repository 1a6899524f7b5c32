// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "arch/arm64/vgic/register_access.hpp"
#include "arch/arm64/vgic/vgic_lpis.hpp"

#include <optional>

namespace baton::arm64::gic {

/// The guest's accesses to the frames of its GIC, which are at the addresses of the physical ones.
/// Any size and alignment may be passed; what the architecture does not provide reads as zero and
/// is not written. The access is of the calling CPU's guest, and `cpu` that CPU.
template <GicHardware Hardware>
class VgicFrames : public VgicLpis<Hardware> {
  public:
    using typename VgicCore<Hardware>::Cpu;

    /// By address. Nothing, false: it is in no frame.
    std::optional<u64> mmio_read(Cpu& cpu, GuestAddr address, u32 size);
    bool mmio_write(Cpu& cpu, GuestAddr address, u32 size, u64 value);

    // The same by device, for a map of what the VM has where.

    /// @param offset in Gic::distributor's range
    u64 read_distributor(Cpu& cpu, u32 offset, u32 size);
    void write_distributor(Cpu& cpu, u32 offset, u32 size, u64 value);
    /// @param address in one of Platform's regions of Redistributors
    u64 read_redistributor(Cpu& cpu, GuestAddr address, u32 size) {
        const auto at = find_redistributor(cpu, to_phys(address));
        return at ? read_redistributor(cpu, *at, size) : 0;
    }
    void write_redistributor(Cpu& cpu, GuestAddr address, u32 size, u64 value) {
        if (const auto at = find_redistributor(cpu, to_phys(address))) {
            write_redistributor(cpu, *at, size, value);
        }
    }
    /// @param n below `its_count`
    /// @param offset in the range of Gic::its(n)
    u64 read_its(u32 n, u64 offset, u32 size) {
        return offset < gits_frame_size && is_aligned(offset, size)
                   ? gic_->its(n).read(static_cast<u32>(offset), size)
                   : 0;
    }
    void write_its(u32 n, u64 offset, u32 size, u64 value) {
        if (offset < gits_frame_size && is_aligned(offset, size)) {
            gic_->its(n).write(static_cast<u32>(offset), size, value);
        }
    }

    /// After a kick: SGIs and LPIs that other CPUs have posted go into list registers.
    void flush(Cpu& cpu) {
        if (cpu.groups_changed.load(std::memory_order_relaxed) &&
            cpu.groups_changed.exchange(false, std::memory_order_acquire)) {
            follow_groups(cpu);
        }
        cpu.interface.fill(banks(cpu));
    }

  protected:
    using VgicCore<Hardware>::members_;
    using VgicCore<Hardware>::gic_;
    using VgicCore<Hardware>::distributor_;
    using VgicCore<Hardware>::banks;

  private:
    using Bank = InterruptBank<Hardware>;

    /// Whose frame an address is in; `cpu` is null in those of a CPU that Baton does not use.
    struct RedistributorAccess {
        Cpu* cpu;
        u64 typer;
        u32 offset;
    };
    std::optional<RedistributorAccess> find_redistributor(Cpu& cpu, PhysAddr address);
    std::optional<u32> find_its(PhysAddr address) const;

    // Not inlined: it is rare, and every kick would pay for the registers that it takes.
    [[gnu::noinline]] void follow_groups(Cpu& cpu) {
        cpu.interface.withdraw_unforwarded(banks(cpu));
        if (!cpu.redistributor.lpis().enabled()) {
            cpu.interface.clear_waiting_lpis();
        }
    }

    u64 read_redistributor(Cpu& cpu, RedistributorAccess at, u32 size);
    void write_redistributor(Cpu& cpu, RedistributorAccess at, u32 size, u64 value);
    /// @param own the calling CPU's list registers may hold interrupts of this bank
    u32 read_bank(Cpu& cpu, Bank& bank, bool own, InterruptRegisterAt at, u32 size);
    void write_bank(Cpu& cpu, Bank& bank, bool own, InterruptRegisterAt at, u32 size, u32 value);
    void write_control(Cpu& cpu, u32 value);
};

template <GicHardware Hardware>
auto VgicFrames<Hardware>::find_redistributor(Cpu& cpu, PhysAddr address)
    -> std::optional<RedistributorAccess> {
    if (cpu.frames.contains(address)) { // The common case.
        return RedistributorAccess{&cpu, 0, static_cast<u32>(address - cpu.frames.begin)};
    }
    const FrameMap::Frame* frame = gic_->frames().find(address);
    if (frame == nullptr) {
        return std::nullopt;
    }
    return RedistributorAccess{frame->cpu ? this->member(*frame->cpu) : nullptr, frame->typer,
                               static_cast<u32>(address - frame->range.begin)};
}

template <GicHardware Hardware>
std::optional<u32> VgicFrames<Hardware>::find_its(PhysAddr address) const {
    for (u32 i = 0; i < this->its_count(); i++) {
        if (gic_->its(i).range().contains(address)) {
            return i;
        }
    }
    return std::nullopt;
}

template <GicHardware Hardware>
std::optional<u64> VgicFrames<Hardware>::mmio_read(Cpu& cpu, GuestAddr address, u32 size) {
    const PhysAddr physical = to_phys(address);
    const PhysRange distributor = gic_->distributor().range();
    if (distributor.contains(physical)) {
        return read_distributor(cpu, static_cast<u32>(physical - distributor.begin), size);
    }
    if (const auto at = find_redistributor(cpu, physical)) {
        return read_redistributor(cpu, *at, size);
    }
    if (const auto n = find_its(physical)) {
        return read_its(*n, physical - gic_->its(*n).range().begin, size);
    }
    return std::nullopt;
}

template <GicHardware Hardware>
bool VgicFrames<Hardware>::mmio_write(Cpu& cpu, GuestAddr address, u32 size, u64 value) {
    const PhysAddr physical = to_phys(address);
    const PhysRange distributor = gic_->distributor().range();
    if (distributor.contains(physical)) {
        write_distributor(cpu, static_cast<u32>(physical - distributor.begin), size, value);
        return true;
    }
    if (const auto at = find_redistributor(cpu, physical)) {
        write_redistributor(cpu, *at, size, value);
        return true;
    }
    if (const auto n = find_its(physical)) {
        write_its(*n, physical - gic_->its(*n).range().begin, size, value);
        return true;
    }
    return false;
}

} // namespace baton::arm64::gic

#include "arch/arm64/vgic/vgic_registers.hpp"
