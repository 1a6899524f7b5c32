// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/types.hpp"

#include <cstring>
#include <string>

namespace baton::test {

/// An arm64 `Image` (Linux, Documentation/arch/arm64/booting.rst).
inline std::string kernel_image(usize file_size, u64 image_size, char filling) {
    std::string image(file_size, filling);
    const auto set = [&](usize offset, u64 value) { std::memcpy(&image[offset], &value, 8); };
    set(8, 0);
    set(16, image_size);
    set(24, 0b1010); // pages of 4 KiB, anywhere in memory
    set(56, 0x644d'5241);
    return image;
}

} // namespace baton::test
