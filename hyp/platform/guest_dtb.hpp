// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/address.hpp"
#include "hyp/platform/vm_config.hpp"
#include "hyp/result.hpp"
#include "hyp/static_vector.hpp"
#include "hyp/types.hpp"

#include <array>
#include <optional>
#include <span>
#include <string_view>

/// The DTB for the next kernel: the firmware's, copied node by node through a filter.
namespace baton {

/// The boot protocol allows no more.
inline constexpr u64 max_dtb_size = 2 * MiB;

/// Bytes of a CPU's entry in a spin table; the first 8 are its cpu-release-addr.
inline constexpr u64 spin_table_entry_size = 16;

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

struct GuestDtbRequest {
    /// The next kernel gets the whole machine: it finds the firmware's DTB as it was but
    /// for /chosen, the CPUs' `status`, and what is in `reserved`.
    bool for_host = false;
    std::span<const DtbModule> modules{}; ///< with for_host
    /// With for_host: CPUs wait in a spin table (booting.rst), CPU n at this address + 16 * n.
    std::optional<PhysAddr> spin_table{};
    std::span<const PhysRange> reserved{}; ///< with for_host; memory that somebody still uses
    /// Room for so many more entries behind the end of the memory reservation block, for
    /// `reserve_in_place`.
    u32 spare_reservations = 0;
    std::span<const PhysRange> memory{}; ///< ascending, disjoint; what stage 2 maps as RAM
    std::string_view bootargs{};
    std::optional<PhysRange> initrd{};
    /// Fresh entropy: 8 bytes become kaslr-seed, what follows rng-seed. Without (or with too little
    /// of) it the properties are left out, so that no kernel gets the seed of the one before.
    std::span<const std::byte> seed{};
    std::span<const CounterUnit> counter_units{}; ///< not with for_host

    /// Whose DTB it is, on a machine that is divided; not with for_host. Null: there is one VM.
    const Division* division = nullptr;
    VmId vm = host_vm;
    /// Of the UART that Baton makes for the VM at the place of its own. Only with `division`, as
    /// the next.
    std::optional<GuestInterrupt> console{};
    std::span<const SharedMemoryNode> shared{};
};

struct GuestDtb {
    usize size = 0; ///< bytes used of the buffer
    u32 cpu_count = 0;
    /// By VcpuId (for_host: by CpuId): where in the DTB the value of the CPU's `status` is, for
    /// `disable_cpu`.
    std::array<u32, max_cpus> cpu_status{};
    /// Where the values of the `status` of its controllers of messages are, for
    /// `disable_message_controller`.
    StaticVector<u32, 64> message_controller_status;
    /// What the building works in: too large for a stack.
    struct Scratch {
        StaticVector<u32, 128> hidden; ///< phandles of controllers of messages
        StaticVector<int, 256> core;   ///< offsets of the nodes that every VM has
    };
    Scratch scratch;
    u32 spare_reservations = 0; ///< where the first of them is: the empty entry that ends the block
};

/// Builds the DTB in `buffer`.
/// @param firmware the DTB that Baton got, unchanged, already accepted by parse_platform; the one
///        that request.division was read from
/// @param buffer 8-byte aligned; may not overlap `firmware`
/// Errors: bad_dtb, too_many (nesting, MSI controllers), no_room (buffer too small, or the result
/// larger than max_dtb_size).
///
/// A VM of several: GuestDtbFilter says which nodes it gets. Its CPUs and its memory are its own,
/// aliases are those that lead somewhere; a node `baton,shared-memory` for each region that it
/// shares. Interrupts of what Baton makes are in the place of the UART's own.
///
/// What differs from the firmware's for a guest: /memory has what of `request.memory` lay in it;
/// /chosen has the request's bootargs, initrd and seed, and no modules and no EFI tables; the
/// firmware is Baton; no idle states; no controller of messages that the guest has not, and nothing
/// that refers to one;
/// every cpu node has a `status`: "okay" for those in Platform::cpus, "fail" for all others. So has
/// every controller of messages that is enabled: "okay". And it has the counters of the request.
Result<void> build_guest_dtb(std::span<const std::byte> firmware, const GuestDtbRequest& request,
                             std::span<std::byte> buffer, GuestDtb& result);

/// Marks one CPU as broken in a finished DTB, in place, without a walk: status = "fail". Not
/// "disabled": that says of a CPU that the kernel may start it, and Linux would try.
/// The caller cleans the 4 bytes at `status_offset`, a multiple of 4, to the PoC.
void disable_cpu(std::span<std::byte> dtb, u32 status_offset);
/// The same of a controller of messages, which kernels then leave alone.
void disable_message_controller(std::span<std::byte> dtb, u32 status_offset);

/// The size of an entry of the memory reservation block.
inline constexpr u32 reservation_size = 16;
/// Makes the entry at `offset` one of `range`, in place. Of spare ones the first comes first: an
/// empty one ends the block. The caller cleans it to the PoC.
void reserve_in_place(std::span<std::byte> dtb, u32 offset, PhysRange range);

} // namespace baton
