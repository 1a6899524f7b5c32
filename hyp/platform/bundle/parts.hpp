// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/platform/platform.hpp"
#include "hyp/types.hpp"

#include <array>
#include <optional>
#include <string_view>

namespace baton {

/// What a bundle is made of, whichever way it comes: as sections behind Baton's own, or as the
/// files of an archive. tools/lib/bundle.py writes both.
struct BundlePart {
    enum class Kind : u8 { kernel, ramdisk, command_line, options };
    Kind kind;
    usize image; ///< which one, from 0: the one to boot, the next …; 0 with options
};

/// `.linux`, `.initrd` and `.cmdline` as in a unified kernel image (UAPI group, UKI specification);
/// `.linux2`, `.initrd2`, `.cmdlin2` of the next image, and so on; `.batopt`.
std::optional<BundlePart> part_of_section(std::string_view name);

/// `kernel`, `initrd` and `cmdline`; `next/kernel` … of the next image, `next2/kernel` … of the one
/// after it; `options`.
std::optional<BundlePart> part_of_file(std::string_view name);

/// The parts of one bundle, where they lie.
class BundleParts {
  public:
    struct Image {
        std::optional<PhysRange> kernel{};
        std::optional<PhysRange> ramdisk{};
        std::optional<PhysRange> command_line{};
    };

    /// The first one of a kind counts, and empty ones do not.
    void add(BundlePart part, PhysRange range);

    bool empty() const { return count_ == 0; }
    /// Those from the first on that have a kernel.
    usize image_count() const;
    /// @param at below BootImages::capacity
    Image& image(usize at) { return images_[at]; }
    const Image& image(usize at) const { return images_[at]; }
    const std::optional<PhysRange>& options() const { return options_; }
    /// What does not fit together, in words; nullptr: nothing.
    const char* problem() const;

  private:
    std::array<Image, BootImages::capacity> images_{};
    std::optional<PhysRange> options_{};
    usize count_ = 0;
    bool twice_ = false;
};

} // namespace baton
