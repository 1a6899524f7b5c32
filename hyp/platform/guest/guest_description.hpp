// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/address.hpp"
#include "hyp/platform/division/vm_config.hpp"
#include "hyp/static_vector.hpp"
#include "hyp/types.hpp"

#include <array>
#include <optional>
#include <span>
#include <string_view>

/// What a kernel is told of the machine when it is entered. It has one of two forms, by what the
/// firmware brought, and both are built ahead of a handover, in the kernel's slot: a DTB
/// (guest_dtb.hpp), or ACPI's tables and EFI's behind a small DTB (efi/view.hpp).
namespace baton {

/// Bytes of a CPU's entry in a spin table; the first 8 are its cpu-release-addr.
inline constexpr u64 spin_table_entry_size = 16;

/// Of a seed, these bytes are for the place of the kernel, the rest is for its random numbers.
inline constexpr usize kaslr_seed_size = 8;

/// A boot module that a hypervisor finds in /chosen (`multiboot,module`).
struct DtbModule {
    PhysRange range;
    bool is_kernel = false; ///< or a ramdisk
    std::string_view bootargs;
};

/// Counters that some of the guest's CPUs share, and that the machine has not.
struct CounterUnit {
    u32 interrupt_parent = 0; ///< the interrupt controller's phandle
    u32 interrupt_cells = 3;
    InterruptId interrupt{};     ///< an edge
    StaticVector<u32, 4> cpus{}; ///< phandles
};

/// An interrupt of a device that Baton makes.
struct GuestInterrupt {
    InterruptId id{};
    bool is_edge = false; ///< or level
};

/// Memory that the guest shares with another.
struct SharedMemoryNode {
    PhysRange range;
    InterruptId doorbell{}; ///< by which the other rings, an edge
    u32 number = 0;         ///< that the hypercall takes
    std::string_view name{};
};

/// What a kernel is to be told.
struct GuestRequest {
    /// The next kernel gets the whole machine: it finds the firmware's description as it was but
    /// for /chosen, which CPUs there are, and what is in `reserved`.
    bool for_host = false;
    std::span<const DtbModule> modules{}; ///< with for_host
    /// With for_host: CPUs wait in a spin table (booting.rst), CPU n at this address + 16 * n.
    std::optional<PhysAddr> spin_table{};
    std::span<const PhysRange> reserved{}; ///< with for_host; memory that somebody still uses
    /// Room for so many more reservations of memory, for `reserve_in_place`.
    u32 spare_reservations = 0;
    std::span<const PhysRange> memory{}; ///< ascending, disjoint; what stage 2 maps as RAM
    std::string_view bootargs{};
    std::optional<PhysRange> initrd{};
    /// Fresh entropy: 8 bytes become kaslr-seed, what follows rng-seed. Without (or with too little
    /// of) it the properties are left out, so that no kernel gets the seed of the one before.
    std::span<const std::byte> seed{};
    std::span<const CounterUnit> counter_units{}; ///< not with for_host

    /// Whose it is, on a machine that is divided; not with for_host. Null: there is one VM.
    const Division* division = nullptr;
    VmId vm = host_vm;
    /// Of the UART that Baton makes for the VM at the place of its own. Only with `division`, as
    /// the next.
    std::optional<GuestInterrupt> console{};
    std::span<const SharedMemoryNode> shared{};
};

/// A finished description, and what of it may still change: in place, without a walk, for that
/// happens in handovers. Offsets are in bytes from its begin.
struct GuestDescription {
    enum class Form { dtb, efi };

    Form form = Form::dtb;
    usize size = 0; ///< bytes
    u32 dtb = 0;    ///< where the DTB is with which the kernel is entered
    u32 cpu_count = 0;
    /// By VcpuId (for_host: by CpuId): where its state is. 0: it is not in there.
    std::array<u32, max_cpus> cpu_status{};
    /// Where the states of the controllers of messages are.
    StaticVector<u32, 64> message_controller_status;
    u32 spare_reservations = 0; ///< where the first of them is
    u32 madt = 0;               ///< efi: where the table is that has the states
};

/// What was changed, for the caller to clean to the PoC.
struct Touched {
    u32 offset = 0;
    u32 size = 0; ///< bytes; 0: nothing
};
using Changes = std::array<Touched, 2>;

/// Makes one CPU broken in a description. A kernel never starts it: in a DTB, status = "fail". Not
/// "disabled": that says of a CPU that the kernel may start it, and Linux would try.
/// @param description of what lies in `bytes`
/// @param number of the CPU, as in cpu_status
Changes disable_cpu(std::span<std::byte> bytes, const GuestDescription& description, u32 number);

/// The same of a controller of messages, which kernels then leave alone.
/// @param at its place in message_controller_status
Changes disable_message_controller(std::span<std::byte> bytes, const GuestDescription& description,
                                   u32 at);

/// Makes the at-th spare reservation one of `range`. The first comes first: an empty one can end
/// the list.
/// @param at below GuestRequest::spare_reservations
Changes reserve_in_place(std::span<std::byte> bytes, const GuestDescription& description, u32 at,
                         PhysRange range);

} // namespace baton
