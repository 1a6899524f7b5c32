// SPDX-License-Identifier: BSD-2-Clause
#include "unpack.hpp"

#include <zlib.h>
#include <zstd.h>

#include <memory>
#include <new>

namespace batonctl {
namespace {

/// No kernel is as big; a file that claims to be is damaged, or made to fill the memory.
constexpr std::size_t most_bytes = std::size_t{1} << 30;
constexpr std::size_t step_bytes = std::size_t{8} << 20;

std::unexpected<Failure> damaged() {
    return fail(Exit::failed, "it is damaged or cut off. Copy or download it again.");
}

/// Makes room for more at the end, or fails.
Outcome<> grow(Bytes& bytes) {
    if (bytes.size() >= most_bytes) {
        return fail(Exit::failed, "it unpacks to more than 1 GiB.");
    }
    try {
        bytes.resize(bytes.size() + step_bytes);
    } catch (const std::bad_alloc&) {
        return fail(Exit::failed, "there is not enough memory. Unpack it on another machine.");
    }
    return {};
}

} // namespace

Outcome<Bytes> gunzip(std::span<const std::byte> packed) {
    constexpr int gzip_format = 16 + MAX_WBITS;
    z_stream stream{};
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(packed.data()));
    stream.avail_in = static_cast<uInt>(packed.size());
    if (inflateInit2(&stream, gzip_format) != Z_OK) {
        return fail(Exit::failed, "there is not enough memory.");
    }
    const std::unique_ptr<z_stream, int (*)(z_stream*)> closer(&stream, inflateEnd);
    Bytes unpacked;
    int result = Z_OK;
    while (result == Z_OK) {
        if (Outcome<> grown = grow(unpacked); !grown) {
            return std::unexpected(grown.error());
        }
        stream.next_out = reinterpret_cast<Bytef*>(unpacked.data() + stream.total_out);
        stream.avail_out = static_cast<uInt>(unpacked.size() - stream.total_out);
        result = inflate(&stream, Z_NO_FLUSH);
    }
    if (result != Z_STREAM_END) {
        return damaged();
    }
    unpacked.resize(stream.total_out);
    return unpacked;
}

Outcome<Bytes> unzstd(std::span<const std::byte> packed) {
    const std::unique_ptr<ZSTD_DStream, std::size_t (*)(ZSTD_DStream*)> stream(ZSTD_createDStream(),
                                                                               ZSTD_freeDStream);
    if (!stream) {
        return fail(Exit::failed, "there is not enough memory.");
    }
    // The kernel packs with windows of up to 128 MiB (zstd -22 --ultra).
    ZSTD_DCtx_setParameter(stream.get(), ZSTD_d_windowLogMax, 27);
    ZSTD_inBuffer in{packed.data(), packed.size(), 0};
    Bytes unpacked;
    std::size_t done = 0;
    std::size_t left = 1;
    while (left != 0) {
        if (Outcome<> grown = grow(unpacked); !grown) {
            return std::unexpected(grown.error());
        }
        ZSTD_outBuffer out{unpacked.data(), unpacked.size(), done};
        left = ZSTD_decompressStream(stream.get(), &out, &in);
        const bool stuck = out.pos < out.size && in.pos == in.size && left != 0;
        if (ZSTD_isError(left) || stuck) {
            return damaged();
        }
        done = out.pos;
    }
    unpacked.resize(done);
    return unpacked;
}

} // namespace batonctl
