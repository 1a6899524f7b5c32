// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "image.hpp"

namespace batonctl {

/// Unpack one stream; what may follow it is left alone (EFI zboot puts the size there). The
/// failure's sentence has no file name.
Outcome<Bytes> gunzip(std::span<const std::byte> packed);
Outcome<Bytes> unzstd(std::span<const std::byte> packed);

} // namespace batonctl
