// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/address.hpp"
#include "hyp/memory/range_set.hpp"
#include "hyp/platform/platform.hpp"
#include "hyp/result.hpp"
#include "hyp/types.hpp"

#include <array>
#include <expected>
#include <optional>
#include <span>

/// Where Baton, its pool and the memory of each VM lie.
namespace baton {

/// RAM with everything cut out that somebody may have put into it.
using MemoryMap = RangeSet<1024>;

inline constexpr usize max_shared_regions = 16;

/// The memory of a VM that the boot description names.
struct VmMemoryRequest {
    u64 memory = 0;          ///< bytes that its guest sees, rounded up to 2 MiB
    u64 slot_size = 0;       ///< bytes as asked for; 0: memory/4, at most 512 MiB
    u64 least_slot_size = 0; ///< bytes that the largest of its boot images needs
};

struct MemoryRequest {
    std::span<const PhysRange> ram;
    std::span<const ReservedRange> reserved;
    PhysRange image;                    ///< Baton itself, where it was loaded
    bool may_move = false;              ///< Baton can go elsewhere before anything else is placed
    PhysRange dtb;                      ///< the firmware's, until Baton has copied it to the pool
    std::span<const PhysRange> modules; ///< the loader's, until their images are in slots
    bool keeps_modules = false;         ///< and beyond that
    u64 pool_size = 0;                  ///< bytes
    /// Bytes as asked for; 0: a quarter of the RAM that is not for the VMs below, at most 512 MiB.
    u64 slot_size = 0;
    u64 least_slot_size = 0;                ///< bytes that the largest boot image needs
    std::span<const VmMemoryRequest> vms{}; ///< without the host VM
    std::span<const u64> shared{};          ///< bytes of each region that VMs share
};

/// One range of RAM: [slot 0][what never moves][slot 1]. So what a guest has, all but the spare
/// slot, is always in one piece.
struct VmMemory {
    PhysRange whole;
    std::array<PhysRange, 2> slots;
};

/// Multiples of 2 MiB in begin and size, disjoint, in RAM; but image and pool may meet within 2 MiB
/// where they lie side by side.
struct MemoryLayout {
    /// Where Baton runs: beside its pool, or where it was loaded. There it is rounded out to 2 MiB:
    /// stage 2 keeps whole blocks around Baton rather than two more tables a root.
    PhysRange image;
    PhysRange pool;
    std::array<PhysRange, 2> slots;            ///< the host VM's; the first kernel runs in slot 0
    StaticVector<VmMemory, max_vms - 1> vms{}; ///< in the request's order: of VmId 1 and on
    StaticVector<PhysRange, max_shared_regions> shared{};

    const std::array<PhysRange, 2>& slots_of(VmId vm) const {
        return index(vm) == 0 ? slots : vms[index(vm) - 1].slots;
    }
    /// Baton has to go to `image` first.
    bool moves(PhysRange loaded) const { return !image.contains(loaded); }
};

/// Why there is no layout.
struct MemoryShortage {
    Error error = Error::no_room; ///< or too_many: more pieces than MemoryMap holds
    const char* what = "";        ///< in words
    /// Whom there is no room for, by the place in MemoryRequest::vms or ::shared; none: the host
    /// VM.
    std::optional<usize> vm{};
    std::optional<usize> shared{};
    u64 wanted_slot_size = 0;  ///< bytes, after rounding
    u64 least_slot_size = 0;   ///< bytes that the images need, after rounding
    u64 pool_size = 0;         ///< bytes, after rounding
    u64 largest_slot_size = 0; ///< bytes; what would fit twice beside the rest, 0 if nothing does
};

/// What plan_memory works in: too large for a stack.
struct LayoutScratch {
    MemoryMap free;  ///< nobody uses it while Baton goes to its place
    MemoryMap later; ///< nor when slots are filled: Baton has left, the DTB is copied
    MemoryMap rest;  ///< what is left of that
    MemoryMap guest; ///< the host VM's, if both slots were its
    MemoryMap guest_rest;
    MemoryLayout trial;
    MemoryLayout best;
};

/// Places Baton with its pool, then the VMs and what they share, then the slots of the host VM:
/// each where it leaves the host VM's guest its memory in the fewest pieces, whichever slot it runs
/// in, and of such places the highest. Without an explicit slot_size the slots shrink until they
/// fit, but not below least_slot_size; an explicit one is met or refused, and so is all that other
/// VMs ask for. The layout lies in `scratch`.
std::expected<const MemoryLayout*, MemoryShortage> plan_memory(const MemoryRequest& request,
                                                               LayoutScratch& scratch);

/// What the kernel in slot `running` (0 or 1) of a VM may use, for its DTB and its stage-2 root.
/// The host VM's is RAM without Baton, the other slot, other VMs' memory, `kept` and what is
/// reserved with no-map. In whole pages: kept and reserved ranges count to the last page that they
/// touch. What VMs share is in nobody's.
/// @param kept boot modules, of whichever VM, that stay for later handovers
/// @param map gets it, whatever it held
/// Errors: too_many.
Result<> guest_memory(const MemoryLayout& layout, VmId vm, u32 running,
                      std::span<const PhysRange> ram, std::span<const ReservedRange> reserved,
                      std::span<const PhysRange> kept, MemoryMap& map);

} // namespace baton
