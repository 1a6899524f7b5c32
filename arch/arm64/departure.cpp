// SPDX-License-Identifier: BSD-2-Clause
//
// The end of a host kexec: the guest's walk is over, every other CPU is parked in EL2, and Baton
// leaves the machine.
#include "arch/arm64/departure.hpp"

#include "arch/arm64/console/consoles.hpp"
#include "arch/arm64/cpu/cache.hpp"
#include "arch/arm64/cpu/sleep.hpp"
#include "arch/arm64/exits/interrupts.hpp"
#include "arch/arm64/firmware.hpp"
#include "arch/arm64/gic/sgi.hpp"
#include "arch/arm64/hypervisor.hpp"
#include "hyp/arch.hpp"
#include "hyp/log/log.hpp"

#include <cstring>

namespace baton::arm64 {
namespace {

extern "C" [[noreturn]] void leave_el2(const El2Controls* controls, u64 entry, u64 argument);
extern "C" const std::byte wait_in_spin_table[], wait_in_spin_table_end[];

/// Between two looks whether a CPU is gone.
constexpr u64 poll_us = 20;

/// This CPU's own part of the machine is as it was before Baton had it.
const El2Controls& restore_cpu() {
    PerCpu& self = this_cpu();
    self.vm->vgic.restore_cpu(self.vgic);
    // No walk starts at what the firmware left in VTTBR_EL2, which may be anything.
    write(read<HCR_EL2>().without(HCR_EL2::VM));
    isb();
    self.entry_state.restore();
    // Its interface is not touched any more once a Redistributor sleeps.
    self.vm->vgic.sleep_again(self.vgic);
    return self.el2_controls;
}

PhysRange spin_table_entry(CpuId cpu) {
    const PhysAddr table = hypervisor().spin_table->table;
    return {table + index(cpu) * spin_table_entry_size, spin_table_entry_size};
}

bool has_gone(const PerCpu& cpu) {
    if (!hypervisor().spin_table) {
        return firmware::is_off(cpu.mpidr);
    }
    const PhysRange entry = spin_table_entry(cpu.id);
    cache::clean_invalidate_to_poc(entry); // It was written past the caches.
    const auto* const words = reinterpret_cast<const volatile u64*>(arch::bytes(entry.begin));
    return words[1] != 0;
}

bool wait_until_gone(const PerCpu& cpu) {
    const Deadline deadline = Deadline::in_ms(hypervisor().options.deadline_ms);
    while (!has_gone(cpu)) {
        if (deadline.passed()) {
            return false;
        }
        sleep_until(Deadline::at(now() + frequency() * poll_us / 1'000'000));
    }
    return true;
}

/// All others go at once; the deadline is for each after the one before it. No guest has the
/// console any more. @return false: some did not go
bool send_off_others(const StagedImage& image) {
    Hypervisor& baton = hypervisor();
    // Release: what the walk left behind is seen by who leaves.
    baton.departing.store(true, std::memory_order_release);
    gic::kick_all_others();
    bool all = true;
    for (const PerCpu& cpu : baton.cpus) {
        if (&cpu != &this_cpu() && arch::is_up(*cpu.vcpu) && !wait_until_gone(cpu)) {
            log::line(
                "CPU {} did not go within {} ms: the next image gets neither it nor Baton's memory",
                cpu.id, baton.options.deadline_ms);
            log::flush();
            ImageStore::disable_cpu(image, *cpu.vcpu);
            all = false;
        }
    }
    return all;
}

} // namespace

void prepare_spin_table() {
    const SpinTable& table = *hypervisor().spin_table;
    std::memset(arch::bytes(table.memory.begin), 0, table.memory.size);
    std::memcpy(arch::bytes(table.memory.begin), wait_in_spin_table,
                static_cast<usize>(wait_in_spin_table_end - wait_in_spin_table));
    // It is run, written and read past the caches: no line of it may stay, for a later eviction
    // would undo what was written.
    cache::clean_invalidate_to_poc(table.memory);
    cache::invalidate_instructions();
}

bool is_departing() { return hypervisor().departing.load(std::memory_order_acquire); }

void depart() {
    const Options& options = hypervisor().options;
    const CpuId self = this_cpu().id;
    while (options.staying_cpu == self) { // baton.fault
        sleep();
        take_interrupts();
    }
    if (hypervisor().spin_table) {
        const u64 entry = spin_table_entry(self).begin.value;
        leave_el2(&restore_cpu(), hypervisor().spin_table->memory.begin.value, entry);
    }
    constexpr u32 no_function = 0x8400'ffff;
    const u32 function = options.refused_cpu == self ? no_function : firmware::CPU_OFF;
    leave_el2(&restore_cpu(), 0, function);
}

} // namespace baton::arm64

namespace baton::arch {

using namespace arm64;

void depart(const StagedImage& image, bool cpus_are_missing) {
    const bool all_gone = send_off_others(image);
    const bool whole = all_gone && !cpus_are_missing;
    const GuestAddr dtb = (whole ? image.description : *image.fallback).dtb();
    close_consoles();
    hypervisor().gic.restore_distributor();
    leave_el2(&restore_cpu(), image.entry.value, dtb.value);
}

bool has_resident_trusted_os() {
    const i64 type = firmware::migrate_info_type();
    return type == 0 || type == 1;
}

} // namespace baton::arch
