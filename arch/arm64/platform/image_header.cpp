// SPDX-License-Identifier: BSD-2-Clause
#include "hyp/kexec/image.hpp"

#include <algorithm>

/// The arm64 Image format: Linux's Documentation/arch/arm64/booting.rst, section 4.
namespace baton::arch {

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
    if (auto fits = slot_size_for(info, {}); !fits) {
        return std::unexpected(fits.error());
    }
    return info;
}

} // namespace baton::arch
