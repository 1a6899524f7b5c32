// SPDX-License-Identifier: BSD-2-Clause
#include "hyp/kexec/image.hpp"

#include "hyp/platform/guest/guest_dtb.hpp"

#include <algorithm>

namespace baton {

namespace {

/// One piece after another, each whole pages.
class Allotment {
  public:
    explicit Allotment(PhysAddr begin) : end_{begin} {}

    PhysRange take(u64 size, u64 alignment = page_size) {
        const PhysRange piece{{align_up(end_.value, alignment)}, size};
        end_ = piece.end();
        return piece;
    }
    PhysAddr end() const { return end_; }

  private:
    PhysAddr end_;
};

Result<SlotPlacement> lay_out(PhysAddr begin, const ImageInfo& image, const Attachments& with) {
    u64 largest = std::max({image.image_size, image.text_offset, with.initrd});
    for (const u64 size : with.modules) {
        largest = std::max(largest, size);
    }
    if (largest > size_limit) {
        return std::unexpected(Error::image_too_big);
    }
    Allotment room{begin + image.text_offset};
    SlotPlacement at{
        .kernel = room.take(image.image_size, 1), .initrd = std::nullopt, .modules = {}, .dtb = {}};
    if (with.initrd != 0) {
        at.initrd = room.take(with.initrd);
    }
    for (const u64 size : with.modules) {
        (void)at.modules.push(room.take(size)); // as many as there is room for
    }
    at.dtb = room.take(max_dtb_size, block_size);
    return at;
}

} // namespace

Result<u64> slot_size_for(const ImageInfo& image, const Attachments& with) {
    const auto at = lay_out({}, image, with);
    if (!at) {
        return std::unexpected(at.error());
    }
    return at->dtb.end().value;
}

Result<SlotPlacement> place_in_slot(PhysRange slot, const ImageInfo& image,
                                    const Attachments& with) {
    const auto at = lay_out(slot.begin, image, with);
    if (at && at->dtb.end() > slot.end()) {
        return std::unexpected(Error::image_too_big);
    }
    return at;
}

} // namespace baton
