// SPDX-License-Identifier: BSD-2-Clause
#include "hyp/crypto/sha256.hpp"

#include <algorithm>
#include <bit>

namespace baton {
namespace {

/// FIPS 180-4, 4.2.2.
constexpr std::array<u32, 64> round_constants{
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

constexpr u32 big_endian(const std::byte* at) {
    return static_cast<u32>(at[0]) << 24 | static_cast<u32>(at[1]) << 16 |
           static_cast<u32>(at[2]) << 8 | static_cast<u32>(at[3]);
}

constexpr u32 sum(u32 x, int a, int b, int c) {
    return std::rotr(x, a) ^ std::rotr(x, b) ^ std::rotr(x, c);
}
constexpr u32 sigma(u32 x, int a, int b, int shift) {
    return std::rotr(x, a) ^ std::rotr(x, b) ^ x >> shift;
}

} // namespace

void Sha256::update(std::span<const std::byte> data) {
    while (!data.empty()) {
        const usize used = length_ % block_bytes;
        const usize piece = std::min(block_bytes - used, data.size());
        if (piece == block_bytes) {
            take_block(data.data());
        } else {
            std::copy_n(data.begin(), piece, partial_.begin() + static_cast<std::ptrdiff_t>(used));
            if (used + piece == block_bytes) {
                take_block(partial_.data());
            }
        }
        length_ += piece;
        data = data.subspan(piece);
    }
}

void Sha256::take_block(const std::byte* block) {
    std::array<u32, 64> w;
    for (usize t = 0; t < 16; t++) {
        w[t] = big_endian(block + 4 * t);
    }
    for (usize t = 16; t < 64; t++) {
        w[t] = sigma(w[t - 2], 17, 19, 10) + w[t - 7] + sigma(w[t - 15], 7, 18, 3) + w[t - 16];
    }
    auto [a, b, c, d, e, f, g, h] = hash_;
    // Eight rounds at a time: after them each variable is back in its register, and none is moved.
#pragma clang loop unroll_count(8)
    for (usize t = 0; t < 64; t++) {
        const u32 t1 = h + sum(e, 6, 11, 25) + ((e & f) ^ (~e & g)) + round_constants[t] + w[t];
        // The majority of a, b and c; a ^ b is the next round's b ^ c.
        const u32 t2 = sum(a, 2, 13, 22) + (b ^ ((a ^ b) & (b ^ c)));
        h = g;
        g = f;
        f = e;
        e = d + t1;
        d = c;
        c = b;
        b = a;
        a = t1 + t2;
    }
    const std::array<u32, 8> worked{a, b, c, d, e, f, g, h};
    for (usize i = 0; i < hash_.size(); i++) {
        hash_[i] += worked[i];
    }
}

Sha256::Digest Sha256::finish() {
    const u64 bits = length_ * 8;
    constexpr std::byte end{0x80};
    constexpr std::byte zero{0};
    update({&end, 1});
    while (length_ % block_bytes != block_bytes - 8) {
        update({&zero, 1});
    }
    for (int shift = 56; shift >= 0; shift -= 8) {
        const auto byte = static_cast<std::byte>(bits >> shift);
        update({&byte, 1});
    }
    Digest digest;
    for (usize i = 0; i < digest.size(); i++) {
        digest[i] = static_cast<std::byte>(hash_[i / 4] >> (24 - 8 * (i % 4)));
    }
    return digest;
}

} // namespace baton
