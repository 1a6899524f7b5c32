// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "arch/arm64/platform/arch_platform.hpp"
#include "arch/arm64/vgic/virtual_gic.hpp"
#include "gic_model.hpp"

#include <atomic>
#include <memory>
#include <stdexcept>
#include <thread>
#include <type_traits>
#include <vector>

namespace model {

/// What Baton's templates run on: the model that `current` points to.
struct ModelHardware {
    static inline GicModel* current = nullptr;

    template <class Register32, class Register64 = Register32>
    class Mmio {
      public:
        constexpr Mmio() = default;
        explicit constexpr Mmio(PhysAddr base) : base_{base.value} {}
        u32 read(Register32 reg, u64 offset = 0) const {
            return static_cast<u32>(current->read(base_ + static_cast<u64>(reg) + offset, 4));
        }
        void write(Register32 reg, u32 value, u64 offset = 0) const {
            current->write(base_ + static_cast<u64>(reg) + offset, value);
        }
        void write_byte(Register32 reg, u8 value, u64 offset) const {
            current->write_byte(base_ + static_cast<u64>(reg) + offset, value);
        }
        u64 read(Register64 reg, u64 offset = 0) const
            requires(!std::is_same_v<Register32, Register64>)
        {
            return current->read(base_ + static_cast<u64>(reg) + offset, 8);
        }
        void write(Register64 reg, u64 value, u64 offset = 0) const
            requires(!std::is_same_v<Register32, Register64>)
        {
            current->write(base_ + static_cast<u64>(reg) + offset, value);
        }

      private:
        u64 base_ = 0;
    };

    struct CpuInterface {
        using ListRegister = arm64::gic::ListRegister;
        u32 n = 0;

        GicModel::Cpu& cpu() const { return current->cpu(n); }
        Result<> bring_up(bool) {
            const auto lock = current->alone();
            cpu().on = true;
            cpu().split_eoi = true;
            cpu().mask = mask_guest;
            return {};
        }
        void close() const {
            const auto lock = current->alone();
            cpu().on = false;
        }
        Intid acknowledge() const {
            const auto lock = current->alone();
            return Intid{current->acknowledge(n)};
        }
        void drop_priority(Intid intid) const {
            const auto lock = current->alone();
            current->end(n, index(intid));
        }
        void deactivate(Intid intid) const {
            const auto lock = current->alone();
            current->deactivate(n, index(intid));
        }
        void send_sgi(SgiRequest request) const {
            const auto lock = current->alone();
            current->send_sgi(n, request);
        }
        void set_priority_mask(u8 mask) const {
            const auto lock = current->alone();
            cpu().mask = mask;
        }
        u32 list_registers() const { return current->list_register_count(); }
        u8 implemented_virtual_priority() const { return implemented_priority(5); }
        bool can_trap_dir() const { return current->can_trap_dir; }
        u32 free_list_registers() const {
            const auto lock = current->alone();
            u32 free = 0;
            for (u32 i = 0; i < list_registers(); i++) {
                free |= u32{!ListRegister{cpu().list_registers[i]}.is_valid()} << i;
            }
            return free;
        }
        ListRegister list_register(u32 i) const {
            const auto lock = current->alone();
            return {cpu().list_registers.at(i)};
        }
        void set_list_register(u32 i, ListRegister lr) const {
            const auto lock = current->alone();
            if (i >= list_registers()) {
                throw std::logic_error{"no such list register"};
            }
            for (u32 k = 0; k < list_registers() && lr.is_valid(); k++) {
                const ListRegister other{cpu().list_registers[k]};
                if (k != i && other.is_valid() && other.intid() == lr.intid()) {
                    throw std::logic_error{"an INTID in two list registers"};
                }
            }
            if (lr.is_hardware() && lr.state() == ListRegister::State::pending_and_active) {
                throw std::logic_error{"a hardware interrupt that is pending and active"};
            }
            if (lr.is_valid() && lr.is_hardware() && !current->at(n, index(lr.intid())).active) {
                throw std::logic_error{"the physical interrupt is not active"};
            }
            cpu().list_registers[i] = lr.value;
        }
        u32 eoi_count() const { return cpu().eoi_count; }
        bool has_split_eoi() const { return cpu().virtual_split_eoi; }
        void turn_on_virtual(Maintenance maintenance) const {
            const auto lock = current->alone();
            cpu().hcr = 1 | u64{maintenance.underflow} << 1 |
                        u64{maintenance.ended_elsewhere} << 2 | u64{maintenance.no_pending} << 3 |
                        u64{maintenance.trap_dir} << 14;
            cpu().eoi_count = 0;
        }
        void reset_virtual() const {
            const auto lock = current->alone();
            cpu().hcr = 0;
            cpu().eoi_count = 0;
            cpu().list_registers = {};
            cpu().virtual_running.clear();
            cpu().virtual_mask = 0;
            cpu().group0 = cpu().group1 = cpu().virtual_split_eoi = false;
        }
    };

    /// A lock that a thread takes while it holds it would stop Baton.
    class Lock {
      public:
        class Guard {
          public:
            explicit Guard(Lock& lock) : lock_{lock} {
                if (lock_.holder_ == me()) {
                    throw std::logic_error{"deadlock"};
                }
                for (int nobody = 0; !lock_.holder_.compare_exchange_weak(nobody, me());
                     nobody = 0) {
                    std::this_thread::yield();
                }
            }
            ~Guard() {
                int mine = me();
                lock_.holder_.compare_exchange_strong(mine, 0);
            }
            Guard(const Guard&) = delete;
            Guard& operator=(const Guard&) = delete;

          private:
            Lock& lock_;
        };
        void reset() { holder_ = 0; }

      private:
        static int me() {
            static std::atomic<int> threads{0};
            thread_local const int number = ++threads;
            return number;
        }
        std::atomic<int> holder_{0};
    };

    template <class Done>
    static bool poll(Done done) {
        return done() || done(); // RWP is 0 at the second look
    }
    static bool is_guest_memory(GuestRange range) {
        return !range.empty() && guest_memory.contains(to_phys(range));
    }
    static u8 read_guest_byte(GuestAddr at) { return current->memory[at.value]; }
    static inline std::atomic<u32> refused = 0;
    static void log_refusal(const char*, GuestRange) { refused++; }
    static void publish() {}
    static void complete_device_writes() {}
};

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
