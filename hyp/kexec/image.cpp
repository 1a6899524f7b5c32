// SPDX-License-Identifier: BSD-2-Clause
#include "hyp/kexec/image.hpp"

#include "hyp/platform/guest_dtb.hpp"

#include <algorithm>

namespace baton {

namespace {

constexpr u64 instruction_size = 4;

u64 little_endian(std::span<const std::byte> bytes, usize offset, usize size) {
    u64 value = 0;
    for (usize i = size; i-- > 0;) {
        value = value << 8 | std::to_integer<u64>(bytes[offset + i]);
    }
    return value;
}

/// Bits 1 and 2 of the header's flags: 0 means that the image does not say.
bool granule_fits(u64 flags, Granules supported) {
    switch (flags >> 1 & 3) {
    case 1:
        return supported.kib4;
    case 2:
        return supported.kib16;
    case 3:
        return supported.kib64;
    default:
        return true;
    }
}

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

Result<ImageInfo> parse_image(std::span<const std::byte> header, u64 file_size,
                              Granules supported) {
    constexpr u64 magic = 0x644d'5241; // "ARM\x64"
    if (header.size() < image_header_size || little_endian(header, 56, 4) != magic) {
        return std::unexpected(Error::bad_image_magic);
    }
    ImageInfo info{.file_size = file_size,
                   .text_offset = little_endian(header, 8, 8),
                   .image_size = little_endian(header, 16, 8)};
    const u64 flags = little_endian(header, 24, 8);
    const bool big_endian = (flags & 1) != 0;
    if (big_endian || info.image_size == 0 || !granule_fits(flags, supported) ||
        !is_aligned(info.text_offset, instruction_size)) {
        return std::unexpected(Error::bad_image_header);
    }
    info.image_size = std::max(info.image_size, info.file_size);
    if (auto fits = lay_out({}, info, {}); !fits) {
        return std::unexpected(fits.error());
    }
    return info;
}

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
