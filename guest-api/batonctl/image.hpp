// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "outcome.hpp"

#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace batonctl {

using Bytes = std::vector<std::byte>;

/// The arm64 Image in a kernel file: the file itself, or what is packed in it (gzip; EFI zboot with
/// gzip or zstd inside). A file that is neither is taken as it is: Baton judges Images.
/// @param name of the file, for the sentences
Outcome<Bytes> unpack_kernel(Bytes file, const std::string& name);

/// What a file seems to be that is no arm64 Image, as the end of a sentence: "an ELF file (…)".
std::string what_it_is(std::span<const std::byte> file);

} // namespace batonctl
