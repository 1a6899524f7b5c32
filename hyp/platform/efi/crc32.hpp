// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/bytes.hpp"
#include "hyp/types.hpp"

namespace baton::efi {

/// The CRC32 of ISO 3309, which UEFI's tables carry (UEFI Specification 2.10, 4.2): reflected,
/// polynomial 0x04c11db7, all ones before and inverted behind.
constexpr u32 crc32(Bytes bytes) {
    u32 remainder = ~u32{0};
    for (const std::byte byte : bytes) {
        remainder ^= std::to_integer<u32>(byte);
        for (int bit = 0; bit < 8; bit++) {
            remainder = remainder >> 1 ^ ((remainder & 1) != 0 ? 0xedb8'8320 : 0);
        }
    }
    return ~remainder;
}

} // namespace baton::efi
