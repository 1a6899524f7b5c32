// SPDX-License-Identifier: BSD-2-Clause
#include "hyp/memory/layout.hpp"

#include "hyp/memory/places.hpp"

#include <algorithm>
#include <tuple>

namespace baton {

namespace {

constexpr u64 sane = u64{1} << 52; // rounding up must not wrap

u64 blocks_of(u64 size) { return align_up(std::min(size, sane), block_size); }

u64 default_slot_size(u64 memory) {
    constexpr u64 share = 4;
    constexpr u64 largest = 512 * MiB;
    return std::min(align_down(memory / share, block_size), largest);
}

/// As asked for, or the default; in whole blocks.
u64 wanted_slot_size(u64 asked, u64 memory, u64 least) {
    return asked != 0 ? align_down(std::min(asked, sane), block_size)
                      : std::max({default_slot_size(memory), least, block_size});
}

u64 least_slot_size_of(const VmMemoryRequest& vm) {
    return std::max(blocks_of(vm.least_slot_size), block_size);
}
u64 slot_size_of(const VmMemoryRequest& vm) {
    return wanted_slot_size(vm.slot_size, blocks_of(vm.memory), least_slot_size_of(vm));
}

class Planner {
  public:
    Planner(const MemoryRequest& request, LayoutScratch& scratch)
        : request_{request}, scratch_{scratch}, least_{blocks_of(request.least_slot_size)} {
        u64 ram = 0;
        for (const PhysRange& range : request.ram) {
            ram += range.size;
        }
        const auto leave_out = [&ram](u64 size) { ram -= std::min(ram, blocks_of(size)); };
        for (const VmMemoryRequest& vm : request.vms) {
            leave_out(vm.memory);
            leave_out(slot_size_of(vm));
        }
        std::ranges::for_each(request.shared, leave_out);
        wanted_ = wanted_slot_size(request.slot_size, ram, least_);
    }

    std::expected<const MemoryLayout*, MemoryShortage> run() {
        for (const bool moves : {true, false}) {
            if (moves && !request_.may_move) {
                continue;
            }
            moves_ = moves;
            if (!collect()) {
                fail({.error = Error::too_many,
                      .what = "RAM, reserved ranges and boot modules make too many pieces"});
                continue;
            }
            const u64 image = moves ? whole_pages(request_.image).size : 0;
            pool_size_ = blocks_of(std::min(request_.pool_size, sane) + image) - image;
            for_each_place(scratch_.free, pool_size_ + image,
                           [this](PhysRange place) { attempt(place); });
            if (!best_ && !shortage_) {
                fail({.what = "no room in RAM for Baton's pool and two slots"});
            }
        }
        if (!best_) {
            return std::unexpected(*shortage_);
        }
        return &scratch_.best;
    }

  private:
    /// What makes a layout better than another: the later, the less it matters.
    using Merit = std::tuple<bool, usize, PhysAddr, bool, u64>;

    /// The maps as they are with nothing placed. False: too many pieces.
    bool collect() {
        MemoryMap& later = scratch_.later;
        MemoryMap& guest = scratch_.guest;
        later.clear();
        bool fits = true;
        for (const PhysRange& range : request_.ram) {
            fits = fits && later.add(range);
        }
        guest = later;
        for (const PhysRange& module : request_.modules) {
            const PhysRange pages = round_out(module, page_size);
            fits =
                fits && later.subtract(pages) && (!request_.keeps_modules || guest.subtract(pages));
        }
        for (const ReservedRange& reserved : request_.reserved) {
            const PhysRange pages = round_out(reserved.range, page_size);
            fits = fits && later.subtract(pages) && (!reserved.no_map || guest.subtract(pages));
        }
        const PhysRange loaded = round_out(request_.image, moves_ ? page_size : block_size);
        if (!moves_) {
            fits = fits && later.subtract(loaded) && guest.subtract(loaded);
        }
        scratch_.free = later;
        return fits && scratch_.free.subtract(loaded) &&
               scratch_.free.subtract(round_out(request_.bundle, page_size)) &&
               scratch_.free.subtract(round_out(request_.dtb, page_size));
    }

    bool take(PhysRange place) {
        return scratch_.rest.subtract(place) && scratch_.guest_rest.subtract(place);
    }
    std::optional<PhysRange> place(u64 size) const {
        return best_place(scratch_.rest, scratch_.guest_rest, size);
    }

    /// The whole layout with Baton, or its pool alone, at `baton`.
    void attempt(PhysRange baton) {
        scratch_.rest = scratch_.later;
        scratch_.guest_rest = scratch_.guest;
        MemoryLayout& layout = scratch_.trial;
        layout.image = round_out(request_.image, block_size);
        layout.pool = {baton.begin, pool_size_};
        layout.vms.clear();
        layout.shared.clear();
        if (moves_) {
            layout.image = PhysRange::between(layout.pool.end(), baton.end());
        }
        if (!take(baton)) {
            fail({.error = Error::too_many, .what = "Baton's memory makes too many pieces"});
        } else if (place_vms() && place_shared()) {
            place_slots(baton.end());
        }
    }

    bool place_vms() {
        for (usize i = 0; i < request_.vms.size(); i++) {
            const VmMemoryRequest& vm = request_.vms[i];
            const u64 memory = blocks_of(vm.memory);
            const u64 least = least_slot_size_of(vm);
            const u64 slot = slot_size_of(vm);
            const MemoryShortage sizes{.vm = i, .wanted_slot_size = slot, .least_slot_size = least};
            if (slot < least) {
                return fail(sizes, "its slots are too small for its boot images");
            }
            if (slot > memory) {
                return fail(sizes, "its memory does not hold a slot");
            }
            const auto whole = place(memory + slot);
            if (!whole || !take(*whole)) {
                return fail(sizes, "no room in RAM for its memory and a spare slot in one piece");
            }
            if (!scratch_.trial.vms.push(
                    {*whole, {PhysRange{whole->begin, slot}, {whole->end() - slot, slot}}})) {
                return fail(sizes, "there are more VMs than Baton has room for");
            }
        }
        return true;
    }

    bool place_shared() {
        for (usize i = 0; i < request_.shared.size(); i++) {
            const auto region = place(blocks_of(request_.shared[i]));
            if (!region || !take(*region)) {
                return fail({.shared = i}, "no room in RAM for shared memory");
            }
            if (!scratch_.trial.shared.push(*region)) {
                return fail({.shared = i}, "there is more shared memory than Baton has room for");
            }
        }
        return true;
    }

    /// @param end of Baton's memory
    void place_slots(PhysAddr end) {
        const u64 largest = largest_twice(scratch_.rest, scratch_.rest.total() / 2);
        const u64 size = request_.slot_size == 0 ? std::min(wanted_, largest) : wanted_;
        const MemoryShortage sizes{.largest_slot_size = largest};
        if (largest == 0) {
            fail(sizes, "no room in RAM for Baton's pool and two slots");
            return;
        }
        if (size < std::max(least_, block_size)) {
            fail(sizes, "slots of this size are too small for the boot images");
            return;
        }
        const auto upper = size <= largest ? place(size) : std::nullopt;
        if (!upper || !scratch_.rest.subtract(*upper)) {
            fail(sizes, "no room in RAM for two slots of the size asked for");
            return;
        }
        const auto lower = place(size);
        if (!lower) {
            fail(sizes, "no room in RAM for two slots of the size asked for");
            return;
        }
        // The spare slot is the hole, so the better place is for the one that is spare at first.
        scratch_.trial.slots = {*lower, *upper};
        const usize pieces = pieces_without(scratch_.guest_rest, *lower) +
                             pieces_without(scratch_.guest_rest, *upper);
        const Merit merit{size >= wanted_, ~pieces, end, moves_, size};
        if (!best_ || merit > *best_) {
            best_ = merit;
            scratch_.best = scratch_.trial;
        }
    }

    /// Of several reasons that counts which came last on the way, and there the smallest lack.
    bool fail(MemoryShortage shortage, const char* what = nullptr) {
        const auto progress = [](const MemoryShortage& of) {
            return std::tuple{!of.vm && !of.shared, of.largest_slot_size, of.shared.has_value(),
                              of.shared.value_or(0), of.vm.value_or(0)};
        };
        shortage.what = what != nullptr ? what : shortage.what;
        shortage.pool_size = blocks_of(request_.pool_size);
        if (!shortage.vm) {
            shortage.wanted_slot_size = wanted_;
            shortage.least_slot_size = least_;
        }
        if (!shortage_ || progress(shortage) > progress(*shortage_)) {
            shortage_ = shortage;
        }
        return false;
    }

    const MemoryRequest& request_;
    LayoutScratch& scratch_;
    u64 least_;
    u64 wanted_ = 0;
    u64 pool_size_ = 0;
    bool moves_ = false;
    std::optional<Merit> best_{};
    std::optional<MemoryShortage> shortage_{};
};

} // namespace

std::expected<const MemoryLayout*, MemoryShortage> plan_memory(const MemoryRequest& request,
                                                               LayoutScratch& scratch) {
    return Planner{request, scratch}.run();
}

Result<> guest_memory(const MemoryLayout& layout, VmId vm, u32 running,
                      std::span<const PhysRange> ram, std::span<const ReservedRange> reserved,
                      std::span<const PhysRange> kept, MemoryMap& map) {
    map.clear();
    const PhysRange spare = layout.slots_of(vm)[1 - running];
    if (index(vm) != 0) {
        return map.add(layout.vms[index(vm) - 1].whole) && map.subtract(spare)
                   ? Result<>{}
                   : std::unexpected(Error::too_many);
    }
    bool fits = true;
    for (const PhysRange& range : ram) {
        fits = fits && map.add(range);
    }
    for (const PhysRange& range : {layout.image, layout.pool, spare}) {
        fits = fits && map.subtract(range);
    }
    for (const VmMemory& other : layout.vms) {
        fits = fits && map.subtract(other.whole);
    }
    for (const PhysRange& range : layout.shared) {
        fits = fits && map.subtract(range);
    }
    for (const PhysRange& range : kept) {
        fits = fits && map.subtract(round_out(range, page_size));
    }
    for (const ReservedRange& range : reserved) {
        fits = fits && (!range.no_map || map.subtract(round_out(range.range, page_size)));
    }
    return fits ? Result<>{} : std::unexpected(Error::too_many);
}

} // namespace baton
