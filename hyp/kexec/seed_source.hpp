// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/crypto/sha256.hpp"
#include "hyp/types.hpp"

#include <cstddef>
#include <span>

namespace baton {

/// Seeds for the kernels that Baton starts, drawn out of the one that the firmware gave. Each is
/// used once: no kernel can tell another's seed from its own, nor from what Baton still holds
/// (H(state, 0) becomes the state, H(state, n) goes out).
class SeedSource {
  public:
    /// @param firmware kaslr-seed and rng-seed; empty: there are no seeds
    /// @param vm whose kernels they are for: no two VMs draw the same
    void init(std::span<const std::byte> firmware, VmId vm);

    /// kaslr-seed (8 bytes) and rng-seed (32 bytes), in one. Empty if the firmware gave nothing.
    std::span<const std::byte> draw();

  private:
    static constexpr usize seed_bytes = 40;

    Sha256::Digest derive(u8 purpose) const;

    Sha256::Digest state_{};
    std::array<std::byte, 2 * std::tuple_size_v<Sha256::Digest>> out_{};
    bool seeded_ = false;
};

} // namespace baton
