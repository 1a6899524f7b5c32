// SPDX-License-Identifier: BSD-2-Clause
#include "hyp/kexec/seed_source.hpp"

#include <algorithm>

namespace baton {

void SeedSource::init(std::span<const std::byte> firmware, VmId vm) {
    Sha256 hash;
    hash.update(firmware);
    const u32 number = index(vm);
    hash.update(std::as_bytes(std::span{&number, 1}));
    state_ = hash.finish();
    seeded_ = !firmware.empty();
}

Sha256::Digest SeedSource::derive(u8 purpose) const {
    Sha256 hash;
    hash.update(state_);
    const auto byte = static_cast<std::byte>(purpose);
    hash.update({&byte, 1});
    return hash.finish();
}

std::span<const std::byte> SeedSource::draw() {
    if (!seeded_) {
        return {};
    }
    std::ranges::copy(derive(1), out_.begin());
    std::ranges::copy(derive(2), out_.begin() + state_.size());
    state_ = derive(0);
    return std::span{out_}.first(seed_bytes);
}

} // namespace baton
