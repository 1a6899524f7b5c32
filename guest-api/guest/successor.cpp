// SPDX-License-Identifier: BSD-2-Clause
#include "guest-api/guest/successor.hpp"

#include "guest-api/guest/check.hpp"
#include "guest-api/guest/timer.hpp"

#include <algorithm>
#include <cstring>

namespace baton::guest {
namespace {

struct Piece {
    baton_piece_kind kind;
    std::span<const std::byte> bytes;
};

using Pieces = StaticVector<Piece, BATON_MAX_PIECES>;

std::span<const std::byte> bytes_of(std::string_view text) {
    return std::as_bytes(std::span{text.data(), text.size()});
}

/// The pieces that there are, in the order of the load.
Pieces pieces_of(const Successor& successor) {
    Pieces pieces;
    const auto add = [&](baton_piece_kind kind, std::span<const std::byte> bytes) {
        if (!bytes.empty()) {
            require("a load has room for all pieces", pieces.push({kind, bytes}));
        }
    };
    add(BATON_PIECE_KERNEL, successor.kernel);
    add(BATON_PIECE_INITRD, successor.initrd);
    add(BATON_PIECE_COMMAND_LINE, bytes_of(successor.command_line));
    for (const SuccessorModule& module : successor.modules) {
        add(module.is_kernel ? BATON_PIECE_MODULE_KERNEL : BATON_PIECE_MODULE_RAMDISK,
            module.bytes);
        add(BATON_PIECE_MODULE_ARGUMENTS, bytes_of(module.arguments));
    }
    return pieces;
}

} // namespace

CallResult begin_load(const Successor& successor) {
    baton_load request{};
    request.kind = successor.kind;
    request.vm = successor.vm;
    for (const Piece& piece : pieces_of(successor)) {
        request.pieces[request.piece_count].kind = piece.kind;
        request.pieces[request.piece_count++].size = piece.bytes.size();
    }
    return hypercall_into(BATON_LOAD_BEGIN, request);
}

CallResult copy_piece(u64 id, u64 number, std::span<const std::byte> piece) {
    CallResult result{};
    for (usize offset = 0; offset < piece.size() && result.status() == BATON_OK;) {
        const usize size = std::min<usize>(piece.size() - offset, BATON_MAX_CHUNK);
        result = insist([&] {
            return hypercall(BATON_LOAD_COPY, id, number, offset, address_of(&piece[offset]), size);
        });
        offset += size;
    }
    return result;
}

CallResult copy_all(u64 id, const Successor& successor) {
    CallResult result{};
    u64 number = 0;
    for (const Piece& piece : pieces_of(successor)) {
        result = copy_piece(id, number++, piece.bytes);
        if (result.status() != BATON_OK) {
            break;
        }
    }
    return result;
}

Sha256::Digest digest_of(const Successor& successor) {
    Sha256 digest;
    for (const Piece& piece : pieces_of(successor)) {
        digest.update(piece.bytes);
    }
    return digest.finish();
}

baton_seal seal_request(const Sha256::Digest& digest) {
    baton_seal request{};
    std::memcpy(request.digest, digest.data(), sizeof request.digest);
    return request;
}

CallResult seal(u64 id, const baton_seal& request) {
    CallResult result{};
    do {
        result = insist(
            [&] { return hypercall(BATON_LOAD_SEAL, id, address_of(&request), sizeof request); });
    } while (result.status() == BATON_MORE);
    return result;
}

void add_entropy(baton_seal& request) {
    Sha256 mix;
    for (u32 i = 0; i < 64; i++) {
        const u64 ticks = now();
        mix.update(std::as_bytes(std::span{&ticks, 1}));
    }
    const Sha256::Digest digest = mix.finish();
    for (usize i = 0; i < sizeof request.entropy; i++) {
        request.entropy[i] = std::to_integer<u8>(digest[i % digest.size()]);
    }
    request.flags |= BATON_SEAL_ENTROPY;
}

CallResult stage(const Successor& successor) {
    const CallResult begun = begin_load(successor);
    if (begun.status() != BATON_OK) {
        return begun;
    }
    const CallResult copied = copy_all(begun.x1, successor);
    if (copied.status() != BATON_OK) {
        return copied;
    }
    baton_seal request = seal_request(digest_of(successor));
    add_entropy(request);
    const CallResult sealed = seal(begun.x1, request);
    return sealed.status() == BATON_OK ? begun : sealed;
}

} // namespace baton::guest
