// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/address.hpp"
#include "hyp/types.hpp"

#include <cstddef>
#include <span>

namespace baton {
class Vm;
struct StagedImage;
struct Vcpu;
} // namespace baton

/// All that the portable core asks of the machine under it. Declared here; implemented under arch/,
/// and by host threads in the unit tests. What is said of "this CPU" acts on the CPU that calls.
namespace baton::arch {

// --- this CPU ------------------------------------------------------------------------------------

/// The vCPU that is pinned to it.
Vcpu& self();

/// Leaves whatever this CPU was doing and sleeps in the hypervisor until its vCPU is started.
[[noreturn]] void park();

/// Makes this CPU's clean vCPU ready to be entered: its VM's current memory is loaded, its
/// interrupts come in.
void prepare_vcpu();

/// Enters it as the boot protocol and a power call's start want it: in the guest kernel's mode,
/// everything masked, address translation off.
/// @param argument the first argument register
[[noreturn]] void enter_guest(GuestAddr entry, u64 argument);

/// Sleeps until something is pending for this CPU's guest, or for a while.
void standby();

// --- the clock: one for all CPUs
// -------------------------------------------------------------------

/// A deadline that does not come.
inline constexpr u64 never = ~u64{0};

u64 now();       ///< in ticks
u64 frequency(); ///< ticks a second

/// Brings this CPU to the hypervisor at that time, as a kick does.
/// @param ticks of `now`
void set_alarm(u64 ticks);

// --- kicks
// -----------------------------------------------------------------------------------------
//
// A kick is latched: one that comes while its CPU is awake ends that CPU's next `wait` at once. It
// carries no message. Who is kicked looks at shared memory, and finds there all that the kicker
// wrote before the kick.

void kick(const Vcpu& vcpu);
/// Every other vCPU of its VM, parked ones included, and no vCPU of another.
void kick_others(const Vcpu& self);

/// Sleeps until a kick, or `deadline` in ticks; takes the kick, and calls nothing of the engine.
/// May return early. The kick may have been for other work of this CPU: look for that before the
/// guest is entered again.
void wait(u64 deadline);

// --- other CPUs
// ------------------------------------------------------------------------------------

/// Did its CPU come up at boot?
bool is_up(const Vcpu& vcpu);

/// Takes all memory away from APs that missed the deadline and may still run guest code: when this
/// returns they can read, write and execute nothing of it. The boot CPU of a handover calls it if
/// any AP is lost, before the first gather step.
void fence_lost(Vcpu& boot, std::span<const VcpuId> lost);

/// An AP waited far beyond any deadline for its boot CPU. Neither kernel of the VM can run.
[[noreturn]] void abandoned_by(const Vcpu& boot);

// --- memory
// ----------------------------------------------------------------------------------------

/// Is there RAM for the VM's current kernel at this address?
bool is_guest_memory(const Vm& vm, GuestAddr address);

/// The bytes at a physical address, as this CPU can read and write them.
std::byte* bytes(PhysAddr address);

/// At boot: where the loader put Baton, of its file's first byte to its memory's last. What follows
/// Baton in that file lies behind it.
PhysRange loaded_file();
/// The first page of that file, as long as Baton runs.
std::span<const std::byte> own_header();

/// At boot: what a loader left in RAM, to be read while memory is not shared out yet. Empty: it
/// cannot be mapped.
std::span<const std::byte> loaded_bytes(PhysRange range);

/// Bytes have been written to `range`, or will be by a CPU that bypasses its caches: they go to
/// the point where such a CPU finds them.
void publish_bytes(PhysRange range);

/// What was published before is instructions: no CPU keeps older ones of the same address.
void publish_instructions();

/// Builds the root of a VM's address space for the kernel in slot `slot`: `memory` and the VM's
/// devices. No CPU may be running on that root. False: too little memory for its tables.
bool prepare_memory(VmId vm, u32 slot, std::span<const PhysRange> memory);

/// A CPU was given up that may still have slot `slot`'s root loaded. Nothing translates through it
/// any more when this returns, and `prepare_memory` takes another one from now on.
void abandon_memory(VmId vm, u32 slot);

/// On the boot CPU, before the next kernel is entered: memory that the interrupt controller has not
/// let go of, and never will. The next kernel does not get to use that part of it.
std::span<const PhysRange> memory_in_use(VmId vm);

/// The VM's kernel is gone for good: what it printed last comes out.
void flush_console(VmId vm);

// --- other VMs
// -------------------------------------------------------------------------------------

/// The other VM of shared memory region `region` gets its interrupt; it finds there what was
/// written to the region before. False: `vm` has no such region.
bool ring_doorbell(VmId vm, u64 region);

// --- the machine
// -----------------------------------------------------------------------------------

/// The machine's power goes off, or all of it starts anew. What is left of the log is printed.
[[noreturn]] void power_off();
[[noreturn]] void reset();

/// Host kexec, on the boot CPU of a handover that is over but for this: hands the machine to the
/// image, in the hypervisor's own place. Every other CPU goes off; one that does not is disabled in
/// the image's DTB, which then reserves Baton's memory.
/// @param cpus_are_missing some CPU was lost before
[[noreturn]] void leave(const StagedImage& image, bool cpus_are_missing);

/// Does the firmware have software that keeps one CPU from being switched off?
bool has_resident_trusted_os();

} // namespace baton::arch
