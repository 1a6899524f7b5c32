// SPDX-License-Identifier: BSD-2-Clause
#include "hyp/crypto/sha256.hpp"
#include "hyp/kexec/seed_source.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

using namespace baton;

namespace {

std::span<const std::byte> bytes(const std::string& text) { return std::as_bytes(std::span{text}); }

std::string hex(const Sha256::Digest& digest) {
    std::string text;
    for (const std::byte byte : digest) {
        text += "0123456789abcdef"[static_cast<u8>(byte) >> 4];
        text += "0123456789abcdef"[static_cast<u8>(byte) & 15];
    }
    return text;
}

std::string digest_of(const std::string& text, usize piece) {
    Sha256 hash;
    for (usize at = 0; at < text.size(); at += piece) {
        hash.update(bytes(text.substr(at, piece)));
    }
    return hex(hash.finish());
}

std::vector<std::byte> copy(std::span<const std::byte> seed) { return {seed.begin(), seed.end()}; }

} // namespace

// The examples of NIST's "Secure Hashing" page for FIPS 180-4.
TEST_CASE("SHA-256 of the standard's examples, in pieces of any size") {
    for (const usize piece : {1, 3, 55, 63, 64, 65, 1000}) {
        CAPTURE(piece);
        CHECK(digest_of("", piece) ==
              "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        CHECK(digest_of("abc", piece) ==
              "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        CHECK(digest_of("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", piece) ==
              "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
        CHECK(digest_of(std::string(1'000'000, 'a'), 1000 + piece) ==
              "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    }
}

TEST_CASE("every kernel gets a seed of its own") {
    SeedSource source;
    source.init(bytes("what the firmware gave"), host_vm);
    std::vector<std::vector<std::byte>> seen;
    for (int i = 0; i < 100; i++) {
        const auto seed = copy(source.draw());
        CHECK(seed.size() == 40);
        CHECK(std::ranges::find(seen, seed) == seen.end());
        seen.push_back(seed);
    }
    SeedSource same;
    same.init(bytes("what the firmware gave"), host_vm);
    CHECK(copy(same.draw()) == seen[0]);
    SeedSource other;
    other.init(bytes("what the firmware gavf"), host_vm);
    CHECK(copy(other.draw()) != seen[0]);
    SeedSource neighbour;
    neighbour.init(bytes("what the firmware gave"), VmId{1});
    CHECK(copy(neighbour.draw()) != seen[0]);
}

TEST_CASE("without entropy there is no seed") {
    SeedSource source;
    source.init({}, host_vm);
    CHECK(source.draw().empty());
}
