// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "arch/arm64/gic/hardware.hpp"
#include "arch/arm64/gic/interrupt_registers.hpp"
#include "arch/arm64/gic/intid.hpp"
#include "arch/arm64/gic/priority.hpp"
#include "hyp/address.hpp"

#include <array>

namespace baton::arm64::gic {

/// The registers of 32 interrupts: the SGIs and PPIs of one CPU, or 32 SPIs, which may be several
/// VMs' and Baton's own. What was in them at bring-up is kept: the architecture leaves priorities,
/// groups and configuration of a cold machine to the implementation.
template <GicHardware Hardware>
class PhysicalBank {
  public:
    using Registers = typename Hardware::template Mmio<InterruptRegister>;

    /// Of priorities, four each.
    static constexpr u32 words = 8;

    /// @param frame the Distributor's, or a Redistributor's SGI_base
    void init(PhysAddr frame, u32 number) {
        registers_ = Registers{frame};
        number_ = number;
    }
    u32 number() const { return number_; }
    Registers registers() const { return registers_; }

    /// Brings the registers from whatever state to one with nothing enabled but `own`. The frame's
    /// RWP is to be awaited between the two halves.
    void begin_bring_up() {
        group1_at_boot_ = read(InterruptRegister::IGROUPR);
        for (u32 word = 0; word < words; word++) {
            priorities_at_boot_[word] = registers_.read(InterruptRegister::IPRIORITYR, at(word));
        }
        for (u32 half = 0; half < 2; half++) {
            configuration_at_boot_[half] =
                registers_.read(InterruptRegister::ICFGR, u64{number_} * 8 + half * 4);
        }
        write(InterruptRegister::ICENABLER, ~u32{0});
    }
    void finish_bring_up(u32 own) {
        // Without effect where they are Secure registers: then the firmware has chosen the groups.
        write(InterruptRegister::IGROUPR, ~u32{0});
        write(InterruptRegister::IGRPMODR, 0);
        write(InterruptRegister::ICACTIVER, ~u32{0});
        write(InterruptRegister::ICPENDR, ~u32{0});
        for (u32 word = 0; word < words; word++) {
            // Above every guest's. Theirs follow before they are enabled.
            registers_.write(InterruptRegister::IPRIORITYR, own_priority * 0x0101'0101, at(word));
        }
        write(InterruptRegister::ISENABLER, own);
    }
    /// The bits of a priority that the GIC keeps; to be called between the two halves, of PPIs.
    u8 probe_priority_bits() {
        constexpr u32 some_ppis = 28 / 4;
        registers_.write(InterruptRegister::IPRIORITYR, ~u32{0}, at(some_ppis));
        return static_cast<u8>(registers_.read(InterruptRegister::IPRIORITYR, at(some_ppis)));
    }
    /// All 32 as bring-up found them, and nothing enabled, pending or active: for a host kexec.
    void restore() {
        write(InterruptRegister::ICENABLER, ~u32{0});
        write(InterruptRegister::ICACTIVER, ~u32{0});
        write(InterruptRegister::ICPENDR, ~u32{0});
        for (u32 word = 0; word < words; word++) {
            registers_.write(InterruptRegister::IPRIORITYR, priorities_at_boot_[word], at(word));
        }
        write_configuration_at_boot();
        write(InterruptRegister::IGROUPR, group1_at_boot_);
    }

    u32 group1_at_boot() const { return group1_at_boot_; }
    u32 edges_at_boot() const {
        return gather(configuration_at_boot_[0], 0) | gather(configuration_at_boot_[1], 4);
    }
    u32 priorities_at_boot(u32 word) const { return priorities_at_boot_[word]; }

    // Registers with a bit for each, of which a write changes those that are set.

    u32 read(InterruptRegister reg) const { return registers_.read(reg, u64{number_} * 4); }
    void write(InterruptRegister reg, u32 value) { registers_.write(reg, value, u64{number_} * 4); }

    /// Four priorities, of which only the bytes in `which` are the caller's to write.
    void write_priorities(u32 word, u32 which, u32 value) {
        if (which == ~u32{0} || number_ == 0) { // a Redistributor is one VM's
            return registers_.write(InterruptRegister::IPRIORITYR, value, at(word));
        }
        for (u32 byte = 0; byte < 4; byte++) {
            if ((which >> byte * 8 & 0xff) != 0) {
                registers_.write_byte(InterruptRegister::IPRIORITYR,
                                      static_cast<u8>(value >> byte * 8), at(word) + byte);
            }
        }
    }
    void write_priority(u32 n, u8 priority) {
        registers_.write_byte(InterruptRegister::IPRIORITYR, priority, u64{number_} * 32 + n);
    }

    /// Edge-triggered, by two bits each in two words, which several VMs may be writing to.
    u32 read_edges() const {
        return gather(registers_.read(InterruptRegister::ICFGR, u64{number_} * 8), 0) |
               gather(registers_.read(InterruptRegister::ICFGR, u64{number_} * 8 + 4), 4);
    }
    /// @param which the interrupts that change
    /// @return what has come of it, of all: many a PPI's configuration is fixed
    u32 set_edges(u32 which, u32 edges) {
        const Guard guard{configuration_lock_};
        const u32 wanted = (read_edges() & ~which) | (edges & which);
        if ((which & 0x0000'ffff) != 0) {
            write_edges(0, wanted);
        }
        if ((which & 0xffff'0000) != 0) {
            write_edges(4, wanted);
        }
        return read_edges();
    }

    /// As bring-up found them.
    void restore_edges(u32 which) {
        if (which == ~u32{0} || number_ == 0) { // SGIs are edges for good
            write_configuration_at_boot();
        } else {
            (void)set_edges(which, edges_at_boot());
        }
    }

    /// ICFGR has two bits an interrupt, the upper of which means edge-triggered.
    /// @param byte 0 or 4: the lower or the upper 16 interrupts
    static constexpr u32 spread(u32 bits, u32 byte) {
        u32 value = 0;
        for (u32 i = 0; i < 16; i++) {
            value |= (bits >> (byte * 4 + i) & 1) << (2 * i + 1);
        }
        return value;
    }
    static constexpr u32 gather(u32 value, u32 byte) {
        u32 bits = 0;
        for (u32 i = 0; i < 16; i++) {
            bits |= (value >> (2 * i + 1) & 1) << (byte * 4 + i);
        }
        return bits;
    }

  private:
    using Lock = typename Hardware::Lock;
    using Guard = typename Lock::Guard;

    u64 at(u32 word) const { return u64{number_} * 32 + word * 4; }
    void write_edges(u32 byte, u32 edges) {
        registers_.write(InterruptRegister::ICFGR, spread(edges, byte), u64{number_} * 8 + byte);
    }

    void write_configuration_at_boot() {
        for (u32 half = 0; half < 2; half++) {
            registers_.write(InterruptRegister::ICFGR, configuration_at_boot_[half],
                             u64{number_} * 8 + half * 4);
        }
    }

    Registers registers_{};
    u32 number_ = 0;
    std::array<u32, 2> configuration_at_boot_{};
    u32 group1_at_boot_ = 0;
    std::array<u32, words> priorities_at_boot_{};
    Lock configuration_lock_;
};

} // namespace baton::arm64::gic
