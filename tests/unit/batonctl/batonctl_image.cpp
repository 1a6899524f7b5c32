// SPDX-License-Identifier: BSD-2-Clause
#include "guest-api/batonctl/image.hpp"

#include <doctest/doctest.h>

#include <zlib.h>
#include <zstd.h>

#include <cstring>
#include <random>

using namespace batonctl;

namespace {

Bytes bytes(const std::string& text) {
    const auto view = std::as_bytes(std::span(text));
    return {view.begin(), view.end()};
}

/// An Image that does not pack well, larger than what unpacking makes room for at once.
Bytes image() {
    Bytes data(20u << 20);
    std::mt19937 noise(1);
    for (std::size_t i = 0; i < data.size(); i += 16) {
        data[i] = static_cast<std::byte>(noise());
    }
    std::memcpy(data.data() + 56, "ARM\x64", 4);
    return data;
}

Bytes gzipped(const Bytes& data) {
    z_stream stream{};
    REQUIRE(deflateInit2(&stream, 1, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY) == Z_OK);
    Bytes packed(deflateBound(&stream, data.size()) + 64);
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(data.data()));
    stream.avail_in = static_cast<uInt>(data.size());
    stream.next_out = reinterpret_cast<Bytef*>(packed.data());
    stream.avail_out = static_cast<uInt>(packed.size());
    REQUIRE(deflate(&stream, Z_FINISH) == Z_STREAM_END);
    packed.resize(stream.total_out);
    deflateEnd(&stream);
    return packed;
}

Bytes zstd(const Bytes& data) {
    Bytes packed(ZSTD_compressBound(data.size()));
    const std::size_t size =
        ZSTD_compress(packed.data(), packed.size(), data.data(), data.size(), 1);
    REQUIRE(!ZSTD_isError(size));
    packed.resize(size);
    return packed;
}

/// As the kernel's build makes it: header, code, the packed Image, its size behind it.
Bytes zboot(const Bytes& payload, const char* method, bool with_size) {
    constexpr unsigned offset = 4096;
    Bytes file(offset);
    const unsigned size = static_cast<unsigned>(payload.size()) + (with_size ? 4 : 0);
    std::memcpy(file.data(), "MZ\0\0zimg", 8);
    std::memcpy(file.data() + 8, &offset, 4);
    std::memcpy(file.data() + 12, &size, 4);
    std::memcpy(file.data() + 24, method, std::strlen(method));
    file.insert(file.end(), payload.begin(), payload.end());
    if (with_size) {
        file.insert(file.end(), 4, std::byte{0x77});
    }
    return file;
}

std::string refused(Bytes file) {
    const Outcome<Bytes> unpacked = unpack_kernel(std::move(file), "The kernel K");
    REQUIRE(!unpacked);
    CHECK(unpacked.error().exit == Exit::failed);
    return unpacked.error().sentence;
}

} // namespace

TEST_CASE("a kernel is unpacked as distributions pack it") {
    const Bytes plain = image();
    CHECK(*unpack_kernel(plain, "K") == plain);
    const Bytes packed = gzipped(plain);
    CHECK(*unpack_kernel(packed, "K") == plain);
    for (const bool with_size : {false, true}) {
        CHECK(*unpack_kernel(zboot(packed, "gzip", with_size), "K") == plain);
        CHECK(*unpack_kernel(zboot(zstd(plain), "zstd22", with_size), "K") == plain);
    }
    CHECK(*unpack_kernel(zboot(zstd(plain), "zstd", false), "K") == plain);
}

TEST_CASE("a damaged file is told, not loaded") {
    const Bytes plain = image();
    for (const Bytes& packed :
         {gzipped(plain), zboot(gzipped(plain), "gzip", true), zboot(zstd(plain), "zstd", true)}) {
        for (const std::size_t size : {packed.size() / 2, packed.size() - 20, std::size_t{60}}) {
            Bytes cut = packed;
            cut.resize(size);
            CHECK(refused(std::move(cut)).starts_with("The kernel K "));
        }
        Bytes changed = packed;
        for (std::size_t i = 0; i < 64; i++) {
            changed[packed.size() / 2 + i] ^= std::byte{0xff};
        }
        const Outcome<Bytes> unpacked = unpack_kernel(std::move(changed), "K");
        // zstd frames need not have a checksum; Baton's SHA-256 is of what was unpacked.
        CHECK((!unpacked || *unpacked != plain));
    }
    CHECK(refused(zboot({}, "xzkern", false)).find("'xzkern'") != std::string::npos);
    CHECK(refused(bytes("\x1f\x8b")).find("damaged") != std::string::npos);
    CHECK(refused(bytes(std::string("MZ\0\0zimg", 8))).find("cut off") != std::string::npos);
}

TEST_CASE("a file that unpacks to more than any kernel is refused") {
    const Bytes zeros(1u << 20);
    // One gzip stream of 1 GiB and a little: repeated flushed blocks would do too, this is simpler.
    z_stream stream{};
    REQUIRE(deflateInit2(&stream, 9, Z_DEFLATED, 16 + MAX_WBITS, 9, Z_DEFAULT_STRATEGY) == Z_OK);
    Bytes packed(8u << 20);
    stream.next_out = reinterpret_cast<Bytef*>(packed.data());
    stream.avail_out = static_cast<uInt>(packed.size());
    for (int i = 0; i < 1025; i++) {
        stream.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(zeros.data()));
        stream.avail_in = static_cast<uInt>(zeros.size());
        REQUIRE(deflate(&stream, i == 1024 ? Z_FINISH : Z_NO_FLUSH) >= Z_OK);
    }
    packed.resize(stream.total_out);
    deflateEnd(&stream);
    CHECK(refused(std::move(packed)).find("1 GiB") != std::string::npos);
}

TEST_CASE("what is no Image is passed on, and can be named") {
    CHECK(*unpack_kernel(bytes("hello"), "K") == bytes("hello"));
    CHECK(what_it_is(bytes("hello")) == "too short for one");
    CHECK(what_it_is(bytes("\x7f"
                           "ELF" +
                           std::string(100, 'x')))
              .find("ELF") != std::string::npos);
    CHECK(what_it_is(bytes("070701" + std::string(100, '0'))).find("cpio") != std::string::npos);
    CHECK(what_it_is(bytes(std::string(100, 'x'))) == "something else");
}
