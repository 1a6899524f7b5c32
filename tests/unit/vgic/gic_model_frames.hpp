// SPDX-License-Identifier: BSD-2-Clause
#pragma once

// Members of GicModel: the registers in its frames. Included by gic_model.hpp.

namespace model {

inline u64 GicModel::read(u64 address, u32 size) {
    const auto lock = alone();
    if (address >= its_base && address < gicr_base) {
        return its.read(address - its_base, size);
    }
    if (address < gicr_base) {
        return read_distributor(static_cast<u32>(address - gicd_base), size);
    }
    const u32 cpu = static_cast<u32>((address - gicr_base) / gicr_stride);
    const u32 offset = static_cast<u32>((address - gicr_base) % gicr_stride);
    if (offset >= sgi_base) {
        return read_bank(cpu, offset - sgi_base);
    }
    const u64 typer = u64{affinity(cpu)} << 32 | cpu << 8 | u64{cpu + 1 == cpu_count()} << 4 | 1;
    switch (offset) {
    case 0x0:
        return cpus_[cpu].gicr_ctlr | u32{std::exchange(cpus_[cpu].withdrawing, false)} << 3 |
               u32{!cpus_[cpu].are_lpis_sticky} << 1;
    case 0x70:
        return cpus_[cpu].propbaser;
    case 0x78:
        return cpus_[cpu].pendbaser;
    case 0x8:
        return size == 8 ? typer : static_cast<u32>(typer);
    case 0xc:
        return typer >> 32;
    case 0x14:
        return is_waker_secure ? 0 : cpus_[cpu].waker;
    case 0xffe8:
        return 0x3b;
    default:
        return 0;
    }
}

inline void GicModel::write_byte(u64 address, u8 value) {
    const auto lock = alone();
    const bool spi = address < gicr_base;
    const u32 cpu = spi ? 0 : static_cast<u32>((address - gicr_base) / gicr_stride);
    const u64 base = spi ? gicd_base : frame(cpu) + sgi_base;
    at(cpu, static_cast<u32>(address - base - 0x400)).priority = value & 0xf8;
}

inline void GicModel::write(u64 address, u64 value) {
    const auto lock = alone();
    if (address >= its_base && address < gicr_base) {
        return its.write(address - its_base, value);
    }
    if (address < gicr_base) {
        return write_distributor(static_cast<u32>(address - gicd_base), value);
    }
    const u32 cpu = static_cast<u32>((address - gicr_base) / gicr_stride);
    const u32 offset = static_cast<u32>((address - gicr_base) % gicr_stride);
    if (offset >= sgi_base) {
        write_bank(cpu, offset - sgi_base, static_cast<u32>(value), cpus_[cpu].withdrawing);
    } else if (offset == 0x0) {
        write_gicr_ctlr(cpus_[cpu], static_cast<u32>(value));
    } else if (offset == 0x70 || offset == 0x78) {
        hasty_writes += has_lpis(cpu) || cpus_[cpu].withdrawing;
        (offset == 0x70 ? cpus_[cpu].propbaser : cpus_[cpu].pendbaser) = value;
    } else if (offset == 0x14) {
        write_waker(cpus_[cpu], value);
    }
}

inline void GicModel::write_gicr_ctlr(Cpu& cpu, u32 value) {
    const u32 was = cpu.gicr_ctlr & gicr_ctlr::EnableLPIs;
    cpu.gicr_ctlr = value & ~(gicr_ctlr::CES | gicr_ctlr::RWP);
    if (was != 0 && cpu.are_lpis_sticky) {
        cpu.gicr_ctlr |= gicr_ctlr::EnableLPIs;
    } else if (was != 0 && (value & gicr_ctlr::EnableLPIs) == 0) {
        cpu.lpis.clear(); // to the table
        cpu.withdrawing = true;
    }
}

inline void GicModel::write_waker(Cpu& cpu, u64 value) {
    const bool to_sleep = (value & 2) != 0, sleeps = (cpu.waker & 4) != 0;
    waker_writes++;
    wrong_waker_writes += to_sleep != ((cpu.waker & 2) != 0) && ((cpu.waker & 2) != 0) != sleeps;
    if (!is_waker_secure) {
        cpu.waker = to_sleep ? 6 : is_asleep_for_good ? 4 : 0;
    }
}

inline u64 GicModel::read_distributor(u32 offset, u32 size) {
    if (offset >= 0x6100 && offset < 0x6000 + 8 * spi_end) {
        const u64 route = spis_[(offset - 0x6000) / 8 - 32].route;
        return size == 8 ? route : static_cast<u32>(route >> (offset % 8 * 8));
    }
    switch (offset) {
    case 0x0:
        return control_ | 0x50 | u32{std::exchange(withdrawing_, false)} << 31;
    case 0x4:
        return 0x047a'0000 | (spi_end / 32 - 1); // RSS; 16 bits of INTID; LPIs
    case 0xffe8:
        return 0x3b;
    default:
        return offset >= 0x80 && offset < 0xf00 ? read_bank(0, offset) : 0;
    }
}

inline void GicModel::write_distributor(u32 offset, u64 value) {
    if (offset >= 0x6100 && offset < 0x6000 + 8 * spi_end) {
        hasty_writes += withdrawing_;
        spis_[(offset - 0x6000) / 8 - 32].route = value;
    } else if (offset == 0) {
        control_ = static_cast<u32>(value) & 3;
    } else if (offset >= 0x80 && offset < 0xf00) {
        write_bank(0, offset, static_cast<u32>(value), withdrawing_);
    }
}

inline u32 GicModel::read_bank(u32 cpu, u32 offset) {
    u32 value = 0;
    const auto bits = [&](u32 base, auto get) {
        for_each(cpu, offset, base, 1, [&](Interrupt& i, u32 low) { value |= u32{get(i)} << low; });
        return value;
    };
    cpus_[cpu].own[maintenance_ppi].line = wants_maintenance(cpu);
    switch (offset & ~0x7fU) {
    case 0x080:
        return bits(0x080, [](auto& i) { return i.group1; });
    case 0x100:
        return bits(0x100, [](auto& i) { return i.enabled; });
    case 0x180:
        return bits(0x180, [](auto& i) { return i.enabled; });
    case 0x200:
        return bits(0x200, [](auto& i) { return i.is_pending(); });
    case 0x280:
        return bits(0x280, [](auto& i) { return i.is_pending(); });
    case 0x300:
        return bits(0x300, [](auto& i) { return i.active; });
    case 0x380:
        return bits(0x380, [](auto& i) { return i.active; });
    default:
        break;
    }
    if (offset >= 0x400 && offset < 0x800) {
        for_each(cpu, offset, 0x400, 8,
                 [&](Interrupt& i, u32 low) { value |= u32{i.priority} << low; });
    } else if (offset >= 0xc00 && offset < 0xd00) {
        for_each(cpu, offset, 0xc00, 2,
                 [&](Interrupt& i, u32 low) { value |= u32{i.edge} << (low + 1); });
    }
    return value;
}

inline void GicModel::write_bank(u32 cpu, u32 offset, u32 value, bool& withdrawing) {
    const u32 reg = offset & ~0x7fU;
    withdrawing |= reg == 0x180 && value != 0;
    hasty_writes += withdrawing && reg >= 0x280 && reg != 0x300;
    const auto bits = [&](u32 base, auto set) {
        for_each(cpu, offset, base, 1, [&](Interrupt& i, u32 low) {
            if (base == 0x80 || (value >> low & 1) != 0) {
                set(i, (value >> low & 1) != 0);
            }
        });
    };
    switch (offset & ~0x7fU) {
    case 0x080:
        return bits(0x080, [](auto& i, bool v) { i.group1 = v; });
    case 0x100:
        return bits(0x100, [](auto& i, bool) { i.enabled = true; });
    case 0x180:
        return bits(0x180, [](auto& i, bool) { i.enabled = false; });
    case 0x200:
        return bits(0x200, [](auto& i, bool) { i.latch = true; });
    case 0x280:
        return bits(0x280, [](auto& i, bool) { i.latch = false; });
    case 0x300:
        return bits(0x300, [](auto& i, bool) { i.active = true; });
    case 0x380:
        return bits(0x380, [](auto& i, bool) { i.active = false; });
    default:
        break;
    }
    if (offset >= 0x400 && offset < 0x800) {
        for_each(cpu, offset, 0x400, 8,
                 [&](Interrupt& i, u32 low) { i.priority = static_cast<u8>(value >> low) & 0xf8; });
    } else if (offset >= 0xc04 && offset < 0xd00) {
        for_each(cpu, offset, 0xc00, 2,
                 [&](Interrupt& i, u32 low) { i.edge = (value >> (low + 1) & 1) != 0; });
    }
}

} // namespace model
