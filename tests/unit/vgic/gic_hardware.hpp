// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "arch/arm64/gic/hardware.hpp"
#include "gic_model.hpp"

#include <atomic>
#include <stdexcept>
#include <thread>
#include <type_traits>

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

static_assert(GicHardware<ModelHardware>);

} // namespace model
