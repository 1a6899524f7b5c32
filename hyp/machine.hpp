// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/address.hpp"
#include "hyp/types.hpp"

#include <cstddef>
#include <span>

/// What the portable core needs of the machine beside hyp/lifecycle/machine.hpp. Declared here,
/// implemented under arch/; every function acts on the CPU that calls it.
namespace baton {
struct StagedImage;
}

namespace baton::machine {

/// Leaves whatever this CPU was doing and sleeps in EL2 until its vCPU is started.
[[noreturn]] void park();

/// Makes this CPU's clean vCPU ready to be entered: the VM's current stage-2 root is loaded, its
/// interrupts come in.
void prepare_vcpu();

/// Enters it as the boot protocol and PSCI CPU_ON want it: at EL1, everything masked, MMU off.
/// @param argument the first argument register
[[noreturn]] void enter_guest(GuestAddr entry, u64 argument);

/// Did the CPU come up at boot?
bool is_up(CpuId cpu);

/// Is there RAM for the VM's current kernel at this address?
bool is_guest_memory(GuestAddr address);

/// The machine's power goes off, or all of it starts anew. What is left of the log is printed.
[[noreturn]] void power_off();
[[noreturn]] void reset();

/// Sleeps until something is pending for this CPU, or for a while.
void standby();

/// Brings this CPU to EL2 at that time, unless it waits there before: Vm::on_alarm.
/// @param ticks of Machine::now
void set_alarm(u64 ticks);

/// Bytes have been written to `range`, or will be by a CPU that bypasses its caches: they go to
/// the point where such a CPU finds them.
void publish_bytes(PhysRange range);

/// What was published before is instructions: no CPU keeps older ones of the same address.
void publish_instructions();

/// Builds the VM's stage-2 root for the kernel in slot `slot`: `memory` and the devices. No CPU may
/// be running on that root. False: too little memory for its tables.
bool prepare_memory(u32 slot, std::span<const PhysRange> memory);

/// Host kexec, on the boot CPU of a handover that is over but for this: hands the machine to the
/// image at EL2. Every other CPU goes off; one that does not is disabled in the image's DTB, which
/// then reserves Baton's memory.
/// @param cpus_are_missing some CPU was lost before
[[noreturn]] void leave(const StagedImage& image, bool cpus_are_missing);

/// Does the firmware have a Trusted OS that keeps one CPU from being switched off (PSCI
/// MIGRATE_INFO_TYPE, DEN0022 5.9)?
bool has_resident_trusted_os();
/// A CPU was given up that may still have slot `slot`'s root loaded. Nothing translates through it
/// any more when this returns, and `prepare_memory` takes another one from now on.
void abandon_memory(u32 slot);

/// On the boot CPU, before the next kernel is entered: memory that the interrupt controller has not
/// let go of, and never will. The next kernel does not get to use that part of it.
std::span<const PhysRange> memory_in_use();

/// The bytes at a physical address, as this CPU can read and write them.
std::byte* bytes(PhysAddr address);

/// SMCCC_ARCH_FEATURES of the firmware for a mitigation that only it can carry out: negative where
/// it does not know `function`.
i32 firmware_feature(u32 function);
/// Carries such a mitigation out. @param argument W1, which WORKAROUND_2 has: 1 on, 0 off
void firmware_workaround(u32 function, u32 argument);

} // namespace baton::machine
