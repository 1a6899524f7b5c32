// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/kexec/image.hpp"
#include "hyp/kexec/seed_source.hpp"
#include "hyp/memory/layout.hpp"
#include "hyp/platform/guest_dtb.hpp"
#include "hyp/platform/platform.hpp"

#include <atomic>
#include <optional>
#include <span>
#include <string_view>

namespace baton {

/// An image set that lies ready to run where it is.
struct StagedImage {
    u32 slot = 0;
    GuestAddr entry{};
    GuestAddr dtb{};
    GuestDtb dtb_fields{};
};

/// The two slots: one holds the running kernel, the other is spare, unmapped for the guest, and
/// takes the next image set. Staging can fail and leaves the running kernel untouched; what is
/// staged is complete, cleaned to the point of coherency, and has its own stage-2 root.
class ImageStore {
  public:
    struct Setup {
        const Platform* platform;
        std::span<const std::byte> firmware_dtb; ///< pristine copy
        MemoryLayout layout;
        Granules granules;
        /// baton.rotate: boot images stay in memory and are staged anew, in turn.
        bool rotate;
    };
    void init(const Setup& setup);

    /// At boot, before any guest runs: the first boot image goes into slot 0, the second, if there
    /// is one, into slot 1. Errors: those of stage_boot_image.
    Result<StagedImage> stage_first();
    Result<void> stage_next();

    /// With baton.rotate: makes sure that something is staged. May be called while the guest runs,
    /// from any CPU; copies whole images, so it is no part of a blackout.
    /// @param vacate makes the spare slot free, called before it is written and by one CPU at a
    ///               time; its error is passed on
    /// Errors: nothing_staged (nothing to rotate to); busy (another CPU is at it).
    template <class Vacate>
    Result<void> rotate(Vacate vacate) {
        if (staging_.exchange(true, std::memory_order_acquire)) {
            return std::unexpected(Error::busy);
        }
        Result<void> result{};
        if (!staged_) {
            result = can_rotate() ? vacate() : std::unexpected(Error::nothing_staged);
            if (result) {
                result = stage_next();
            }
        }
        staging_.store(false, std::memory_order_release);
        return result;
    }

    bool has_staged() const { return staged_.has_value(); }
    bool can_rotate() const { return setup_.rotate && setup_.platform->boot_images.size() > 1; }

    /// This CPU is no CPU of any kernel staged from now on: it never came up, or it is lost.
    void exclude(CpuId cpu) { (void)excluded_.push(cpu); }

    /// Hands the staged image out: its slot is the running one from now on. Only the CPU that won
    /// the handover calls this; something is staged.
    StagedImage consume();

    /// Marks a CPU as broken in a staged image's DTB, in place.
    static void disable_cpu(const StagedImage& image, CpuId cpu);

    u32 running_slot() const { return running_slot_; }
    u32 spare_slot() const { return 1 - running_slot_; }
    const MemoryLayout& layout() const { return setup_.layout; }
    /// Boot modules whose memory the guest does not get.
    std::span<const PhysRange> kept_modules() const { return {kept_.data(), kept_.size()}; }

  private:
    Result<StagedImage> stage_boot_image(const BootImage& image, u32 slot);
    const BootImage& in_turn();

    Setup setup_{};
    SeedSource seeds_;
    StaticVector<PhysRange, 16> kept_;
    StaticVector<CpuId, max_cpus> excluded_;
    std::optional<StagedImage> staged_;
    u32 running_slot_ = 0;
    usize next_boot_image_ = 0;
    std::atomic<bool> staging_{false};
};

} // namespace baton
