// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/types.hpp"

#include <array>
#include <cstddef>
#include <span>

namespace baton {

/// SHA-256 (FIPS 180-4, 6.2) of data that comes in pieces.
class Sha256 {
  public:
    using Digest = std::array<std::byte, 32>;

    void update(std::span<const std::byte> data);
    /// The digest of all that was given; the object is used up.
    Digest finish();

  private:
    static constexpr usize block_bytes = 64;

    void take_block(const std::byte* block);

    std::array<u32, 8> hash_{0x6a09'e667, 0xbb67'ae85, 0x3c6e'f372, 0xa54f'f53a,
                             0x510e'527f, 0x9b05'688c, 0x1f83'd9ab, 0x5be0'cd19};
    std::array<std::byte, block_bytes> partial_{};
    u64 length_ = 0; ///< bytes so far
};

} // namespace baton
