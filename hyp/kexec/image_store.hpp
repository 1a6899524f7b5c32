// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/kexec/image.hpp"
#include "hyp/kexec/pieces.hpp"
#include "hyp/kexec/seed_source.hpp"
#include "hyp/lifecycle/vcpu.hpp"
#include "hyp/memory/layout.hpp"
#include "hyp/platform/guest/guest_dtb.hpp"
#include "hyp/platform/platform.hpp"

#include <array>
#include <atomic>
#include <optional>
#include <span>
#include <string_view>

namespace baton {

/// What a kernel is told of the machine, where it lies.
struct PlacedDescription {
    PhysAddr begin{};
    GuestDescription fields{};

    PhysRange range() const { return {begin, fields.size}; }
    GuestAddr dtb() const { return to_guest(begin + fields.dtb); }
};

/// An image set that lies ready to run where it is.
struct StagedImage {
    Kexec kexec = Kexec::guest;
    u64 id = 0;    ///< not 0, and no other image's
    u64 size = 0;  ///< bytes of kernel, initrd and command line as they were given
    u64 needs = 0; ///< bytes that it takes of its slot
    SlotId slot{};
    GuestAddr entry{};
    PlacedDescription description{};
    /// Host: for the case that a CPU stays behind in Baton's memory, which it reserves.
    std::optional<PlacedDescription> fallback{};
};

/// Memory in which CPUs that left Baton wait for the next kernel.
struct SpinTable {
    PhysRange memory; ///< code and table: not the next kernel's
    PhysAddr table{}; ///< an entry for each CPU, by CpuId
};

/// The two slots: one holds the running kernel, the other is spare, unmapped for the guest, and
/// takes the next image set. Staging can fail and leaves the running kernel untouched; what is
/// staged is complete, cleaned to the point of coherency, and has its own stage-2 root.
///
/// One CPU at a time has the claim to the spare slot, and what is staged is its to change. It needs
/// the claim to begin a handover, too: so as long as a CPU of the running kernel has it, the slots
/// are what they are.
class ImageStore {
  public:
    struct Setup {
        VmId vm{};
        const Platform* platform;
        std::span<const BootImage> boot_images;  ///< of the VM
        std::span<const std::byte> firmware_dtb; ///< pristine copy
        const MemoryLayout* layout;
        std::span<const PhysRange> kept_modules{}; ///< in RAM, and of no guest: of whichever VM
        /// Of a machine with several VMs; null: there is one.
        const Division* division = nullptr;
        std::optional<GuestInterrupt> console{};    ///< of the VM's emulated UART, with `division`
        std::span<const SharedMemoryNode> shared{}; ///< that the VM has; they outlive the store
        Granules granules;
        /// Host kexec: where CPUs wait, if they are not switched off.
        std::optional<SpinTable> spin_table;
        std::span<const CounterUnit> counter_units{}; ///< that a guest gets; they outlive the store
        /// Boot images stay in memory and are staged anew, in turn.
        bool rotate;
    };
    void init(const Setup& setup);

    /// At boot, before any guest runs: the first boot image goes into slot 0, the second, if there
    /// is one, into slot 1. Errors: those of stage_boot_image.
    Result<const StagedImage*> stage_first();
    Result<void> stage_next();

    // --- the claim -------------------------------------------------------------------------------

    bool try_claim() { return !claimed_.exchange(true, std::memory_order_acquire); }
    void unclaim() { claimed_.store(false, std::memory_order_release); }

    // --- for the CPU that has the claim ----------------------------------------------------------

    /// Null if nothing is.
    const StagedImage* staged() const { return staged_; }
    void discard() { staged_ = nullptr; }

    /// What lies in the spare slot as `place` says becomes an image: it gets its description and
    /// its root. All of `place` but the DTB's room has been published.
    struct Content {
        Kexec kexec = Kexec::guest;
        u64 id;
        u64 size;
        SlotPlacement place;
        std::string_view bootargs;
        std::span<const std::byte> seed;         ///< empty: the kernel gets none
        std::span<const DtbModule> modules = {}; ///< host
    };
    /// Errors: no_room (description or page tables), too_many, bad_dtb, unsupported.
    Result<void> stage(const Content& content);

    /// An id for the next image: no other image's, of whatever VM.
    u64 new_id() { return u64{index(setup_.vm)} << 32 | ++last_id_; }
    /// Whose image it is.
    static VmId vm_of(u64 image_id) { return VmId{static_cast<u32>(image_id >> 32)}; }
    Result<SlotPlacement> place(const ImageInfo& image, const Attachments& with) const {
        return place_in_slot(slots()[index(spare_slot())], image, with);
    }
    Granules granules() const { return setup_.granules; }

    bool can_rotate() const { return setup_.rotate && !setup_.boot_images.empty(); }

    /// This vCPU is none of any kernel staged from now on: it never came up, or it is lost.
    void exclude(const Vcpu& vcpu) { (void)excluded_.push(&vcpu); }
    bool excludes_any() const { return !excluded_.empty(); }

    /// The interrupt controller goes on using this memory: no image is put there, and every
    /// kernel's description reserves it and has no message controller from now on, that of `image`,
    /// which is about to be entered, too.
    void keep_in_use(PhysRange memory, const StagedImage& image);

    /// Hands the staged image out, which stays where it is until its slot is staged into again: its
    /// slot is the running one from now on. Only the CPU that leads a handover calls this.
    const StagedImage& consume();

    // --- for all ---------------------------------------------------------------------------------

    /// Marks a CPU as broken in a staged image's description (host: in the fallback), in place.
    static void disable_cpu(const StagedImage& image, const Vcpu& vcpu);

    SlotId running_slot() const { return running_slot_; }
    SlotId spare_slot() const { return other(running_slot_); }
    const MemoryLayout& layout() const { return *setup_.layout; }
    const std::array<PhysRange, 2>& slots() const { return layout().slots_of(setup_.vm); }

  private:
    Result<> stage_boot_image(const BootImage& image, SlotId slot);
    bool is_in_use(const SlotPlacement& place) const;
    void log_use(const StagedImage& image) const;
    /// Into by_slot_[slot].
    Result<> finish(const Content& content, SlotId slot);
    Result<> describe_guest(const Content& content, StagedImage& staged);
    Result<> describe_machine(const Content& content, StagedImage& staged);
    Result<> describe(const GuestRequest& request, PhysRange room, PlacedDescription& description);
    const BootImage& in_turn();
    /// In which the interrupt controller keeps a CPU's messages (`arch::memory_in_use`).
    static constexpr u32 tables_per_cpu = 2;
    u32 spare_reservations() const {
        const Platform& platform = *setup_.platform;
        return platform.has_message_controllers
                   ? tables_per_cpu * static_cast<u32>(platform.cpus.size())
                   : 0;
    }

    Setup setup_{};
    SeedSource seeds_;
    StaticVector<const Vcpu*, max_cpus> excluded_;
    StaticVector<PhysRange, tables_per_cpu * max_cpus> in_use_;
    std::atomic<bool> claimed_{false};
    std::array<StagedImage, 2> by_slot_{}; ///< the running kernel's, and what is staged
    const StagedImage* staged_ = nullptr;
    MemoryMap memory_; ///< of the guest that is being staged
    GuestDtb dtb_;     ///< that is being built
    u32 last_id_ = 0;
    SlotId running_slot_{};
    usize next_boot_image_ = 0;
};

} // namespace baton
