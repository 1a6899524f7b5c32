// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <expected>

namespace baton {

/// Why something was refused. The place that reports an error to a person adds the numbers.
/// `describe` (result.cpp) has a sentence for each.
enum class Error {
    bad_dtb,          ///< the DTB is damaged or lacks what every arm64 DTB has
    too_many,         ///< the platform has more of something than Baton has room for
    no_room,          ///< memory or buffer too small
    bad_range,        ///< an address range that is not whole pages, or beyond what can be addressed
    unsupported,      ///< a device or mode that Baton has no driver for
    bad_option,       ///< a baton.* option that cannot be understood
    bad_image_magic,  ///< no arm64 Image header
    bad_image_header, ///< an arm64 Image that cannot run here: endianness, size 0, page size
    image_too_big,    ///< kernel, initrd and DTB do not fit the slot
    overlap,          ///< two ranges that must be apart are not
    busy,             ///< another CPU is doing this
    nothing_staged,   ///< exec without a sealed image
    timed_out,        ///< a deadline passed
    firmware,         ///< the firmware refused a call
    invalid,          ///< a size, number, kind or flag that a hypercall does not take
    not_allowed,      ///< an option says that this is refused
    bad_address,      ///< not wholly the guest's own RAM
    stale,            ///< the id of a load or image that is not there any more
    out_of_order,     ///< a chunk that begins beyond what was copied
    bad_command_line, ///< too long, or with a NUL inside
    incomplete,       ///< seal before everything was copied
    trusted_os,       ///< one lives on a CPU, which could not be switched off
    bad_digest,       ///< what was copied is not what was meant
};

template <class T = void>
using Result = std::expected<T, Error>;

const char* describe(Error error);

} // namespace baton
