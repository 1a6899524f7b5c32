// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "arch/arm64/efi/loader.hpp"

#include <span>
#include <string_view>

namespace baton::arm64::efi {

/// What the loader was told to pass on: the load options, or the words behind the program's name
/// where a UEFI shell started it. In `text`.
struct LoadOptions {
    std::string_view words;  ///< UTF-8, without `initrd=`; empty if there is nothing, or no text
    std::string_view initrd; ///< the path that the last word `initrd=` names; empty: none
};

/// Firmware is known to put data of its own where the text should be: that counts as nothing.
/// @param text what the result points into
Attempt<LoadOptions> read_load_options(const Loader& loader, std::span<char> text);

/// UTF-16 to UTF-8, to the first NUL or the end. Nothing if it is no text (control characters but
/// blanks, halves of surrogate pairs), or `to` has no room for it.
std::optional<std::string_view> to_utf8(std::span<const char16_t> from, std::span<char> to);

/// Takes the words `initrd=` out of `words`, in place.
LoadOptions split_initrd(std::span<char> words);

} // namespace baton::arm64::efi
