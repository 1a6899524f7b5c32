// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "arch/arm64/platform/arch_platform.hpp"
#include "arch/arm64/vgic/virtual_gic.hpp"
#include "gic_hardware.hpp"

#include <memory>
#include <stdexcept>
#include <vector>

namespace model {

/// Baton on a model: every CPU up and on, its guest with nothing configured yet.
class Baton {
  public:
    explicit Baton(u32 cpus = 1, u32 list_registers = 4, bool can_trap_dir = true,
                   bool has_its = false, bool has_odd_reset_values = false)
        : gic{cpus, list_registers} {
        if (has_odd_reset_values) {
            gic.take_odd_reset_values();
        }
        gic.can_trap_dir = can_trap_dir;
        ModelHardware::current = &gic;
        platform_->arch->gic.distributor = {{gicd_base}, 0x1'0000};
        static_cast<void>(
            platform_->arch->gic.redistributors.push({{gicr_base}, (cpus + 2) * gicr_stride}));
        if (has_its) {
            static_cast<void>(platform_->arch->gic.its.push({{its_base}, 0x2'0000}));
        }
        platform_->arch->gic.maintenance_interrupt = Intid{maintenance_ppi};
        platform_->arch->timer.hyp = Intid{hyp_timer_ppi};
        platform_->arch->timer.hyp_virt = Intid{28};
        check(physical->init(*platform_, GicModel::mpidr(0)));
        vgic->init(*physical, physical->spis(), has_its);
        for (u32 i = 0; i < cpus; i++) {
            cpus_.push_back(
                std::make_unique<VgicCpu<ModelHardware>>(ModelHardware::CpuInterface{.n = i}));
            const auto frames = physical->attach(CpuId{i}, GicModel::mpidr(i));
            vgic->attach(CpuId{i}, GicModel::mpidr(i), frames.value(), *cpus_[i]);
        }
        for (u32 i = 0; i < cpus; i++) {
            check(vgic->init_cpu(*cpus_[i]));
            vgic->turn_on(*cpus_[i]);
        }
    }
    VgicCpu<ModelHardware>& cpu(u32 n) { return *cpus_.at(n); }

    /// Every exit that physical interrupts bring about now, on all CPUs.
    void take_exits() {
        for (bool any = true; any;) {
            any = false;
            for (u32 i = 0; i < gic.cpu_count(); i++) {
                for (u32 n = 0; gic.is_signalled(i); n++, any = true) {
                    if (n == 1000) {
                        throw std::logic_error{"an interrupt storm"};
                    }
                    exits++;
                    if (vgic->handle_interrupts(cpu(i)).kick) {
                        vgic->flush(cpu(i));
                    }
                }
            }
        }
    }

    // What a guest does on CPU n.

    u64 read(u32 n, u64 address, u32 size = 4) {
        take_exits();
        return vgic->mmio_read(cpu(n), {address}, size).value();
    }
    void write(u32 n, u64 address, u64 value, u32 size = 4) {
        take_exits();
        if (!vgic->mmio_write(cpu(n), {address}, size, value)) {
            throw std::logic_error{"in no frame"};
        }
        take_exits();
    }
    u32 acknowledge(u32 n) {
        take_exits();
        const u32 intid = gic.virtual_acknowledge(n);
        take_exits();
        return intid;
    }
    void end(u32 n, u32 intid) {
        gic.virtual_end(n, intid);
        take_exits();
    }
    void deactivate(u32 n, u32 intid) {
        if (gic.traps_virtual_deactivate(n)) {
            vgic->write_trapped_sysreg(cpu(n), arm64::ICC_DIR_EL1::encoding, intid);
        } else {
            gic.virtual_deactivate(n, intid);
        }
        take_exits();
    }
    void send_sgi(u32 n, SgiRequest request, SgiRegister reg = SgiRegister::sgi1r) {
        vgic->send_sgis(cpu(n), reg, request);
        take_exits();
    }
    /// What kernels do first: both groups forwarded, all Group 1, interrupts let in.
    void start_guest(u32 n, bool split_eoi = false) {
        write(n, gicd_base, 3);
        for (u32 bank = 1; bank < spi_end / 32; bank++) {
            write(n, gicd_base + 0x80 + 4 * bank, ~0U);
        }
        write(n, GicModel::frame(n) + sgi_base + 0x80, ~0U);
        gic.cpu(n).virtual_mask = 0xff;
        gic.cpu(n).group0 = gic.cpu(n).group1 = true;
        gic.cpu(n).virtual_split_eoi = split_eoi;
    }
    /// Tables in the guest's memory, the ITS and the CPU's LPIs on.
    void start_lpis(u32 n) {
        write(n, its_base + 0x80, gits_valid | its_tables, 8);
        write(n, its_base + 0x100, gits_valid | its_tables + 0x1'0000, 8);
        write(n, its_base, 1);
        write(n, GicModel::frame(n) + 0x70, lpi_config | 15, 8);
        write(n, GicModel::frame(n) + 0x78, lpi_pending + n * 0x1'0000, 8);
        write(n, GicModel::frame(n), 1);
    }
    void send_lpi(u32 n, u32 lpi) {
        gic.send_lpi(n, lpi);
        take_exits();
    }
    void set_priority(u32 n, u32 intid, u8 priority) {
        write(n, (intid < 32 ? GicModel::frame(n) + sgi_base : gicd_base) + 0x400 + intid, priority,
              1);
    }
    void set_bit(u32 n, u32 reg, u32 intid) {
        write(n,
              (intid < 32 ? GicModel::frame(n) + sgi_base : gicd_base) + reg + 4 * bank_of(intid),
              bit_of(intid));
    }
    bool get_bit(u32 n, u32 reg, u32 intid) {
        return (read(n, (intid < 32 ? GicModel::frame(n) + sgi_base : gicd_base) + reg +
                            4 * bank_of(intid)) &
                bit_of(intid)) != 0;
    }

    GicModel gic;
    std::unique_ptr<Gic<ModelHardware>> physical = std::make_unique<Gic<ModelHardware>>();
    std::unique_ptr<VirtualGic<ModelHardware>> vgic = std::make_unique<VirtualGic<ModelHardware>>();
    u32 exits = 0;

  private:
    static void check(Result<> result) {
        if (!result) {
            throw std::runtime_error{"bring-up failed"};
        }
    }
    std::unique_ptr<arm64::FullPlatform> platform_ = std::make_unique<arm64::FullPlatform>();
    std::vector<std::unique_ptr<VgicCpu<ModelHardware>>> cpus_;
};

} // namespace model
