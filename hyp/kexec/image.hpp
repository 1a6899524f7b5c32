// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/address.hpp"
#include "hyp/result.hpp"
#include "hyp/static_vector.hpp"
#include "hyp/types.hpp"

#include <optional>
#include <span>

/// Kernel images, and how what comes with one lies in a slot.
namespace baton {

/// Translation granules, of the machine or of an image, as a set.
struct Granules {
    bool kib4 = false;
    bool kib16 = false;
    bool kib64 = false;
};
inline constexpr Granules any_granule{true, true, true};

struct ImageInfo {
    u64 file_size = 0;   ///< bytes to copy
    u64 text_offset = 0; ///< bytes from a 2 MiB-aligned base to where the image lies and is entered
    /// Bytes from there that belong to the image, BSS included; never less than file_size.
    u64 image_size = 0;
};

inline constexpr usize image_header_size = 64;
/// Far beyond any machine's memory, and small enough that no sum of sizes below it can wrap.
inline constexpr u64 size_limit = u64{1} << 52;

/// What comes along with a kernel. Sizes in bytes.
struct Attachments {
    static constexpr usize max_modules = 12;

    u64 initrd = 0; ///< 0: none
    StaticVector<u64, max_modules> modules{};
};

/// One image set in a slot, from the slot's begin: kernel, initrd, modules, DTB.
struct SlotPlacement {
    PhysRange kernel; ///< image_size bytes; its begin is the entry point
    std::optional<PhysRange> initrd;
    StaticVector<PhysRange, Attachments::max_modules> modules;
    PhysRange dtb; ///< room of max_dtb_size, 2 MiB-aligned
};

/// Bytes of a slot that an image set needs, a multiple of 2 MiB. Errors: image_too_big.
Result<u64> slot_size_for(const ImageInfo& image, const Attachments& with);

/// @param slot 2 MiB-aligned
/// Errors: image_too_big.
Result<SlotPlacement> place_in_slot(PhysRange slot, const ImageInfo& image,
                                    const Attachments& with);

} // namespace baton

namespace baton::arch {

/// Reads the header that the architecture's boot protocol asks for.
/// @param header the first `image_header_size` bytes of the file, or all that there are
/// @param file_size of the whole file, in bytes
/// @param supported what the CPUs' MMUs can do
/// Errors: bad_image_magic (none of the architecture's: compressed, another's, shorter than a
/// header); bad_image_header (big-endian, image_size 0 as before Linux 3.17, a granule that is not
/// supported, a text_offset that is no address of an instruction); image_too_big (sizes that wrap).
Result<ImageInfo> parse_image(std::span<const std::byte> header, u64 file_size,
                              Granules supported = any_granule);

} // namespace baton::arch
