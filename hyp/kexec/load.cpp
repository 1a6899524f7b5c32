// SPDX-License-Identifier: BSD-2-Clause
#include "hyp/kexec/load.hpp"

#include "hyp/arch.hpp"
#include "hyp/kexec/stopwatch.hpp"

#include <algorithm>
#include <cstring>
#include <tuple>

namespace baton {

Result<u64> Load::begin(Kexec kexec, std::span<const Piece> pieces) {
    if (progress_.state != State::none) {
        return std::unexpected(Error::busy);
    }
    if (const auto checked = check(kexec, pieces); !checked) {
        return std::unexpected(checked.error());
    }
    clear();
    store_.discard();
    progress_ = {.state = State::copying, .kexec = kexec, .id = store_.new_id()};
    std::span<char> room = texts_;
    for (const Piece& piece : pieces) {
        Part part{.piece = piece, .to = {}, .text = {}};
        if (is_text(piece.kind)) {
            part.text = room.first(static_cast<usize>(piece.size));
            room = room.subspan(part.text.size());
        }
        (void)parts_.push(part); // `check` has counted them
        progress_.size += piece.size;
    }
    return progress_.id;
}

Result<> Load::check(Kexec kexec, std::span<const Piece> pieces) {
    if (pieces.empty() || pieces.size() > max_pieces || !is_in_order(kexec, pieces)) {
        return std::unexpected(Error::invalid);
    }
    u64 texts = 0;
    for (const Piece& piece : pieces) {
        const u64 size = is_text(piece.kind) ? piece.size : 0;
        texts += std::min<u64>(size, texts_.size() + 1);
        if (size > max_command_line || texts > texts_.size()) {
            return std::unexpected(Error::bad_command_line);
        }
    }
    // The least that any kernel of this size needs; what its header asks for comes with it.
    const u64 kernel = pieces[0].size;
    const auto needed =
        slot_size_for({.file_size = kernel, .image_size = kernel}, attachments_of(pieces));
    needed_ = needed.value_or(size_limit);
    if (needed_ > store_.slots()[index(store_.spare_slot())].size) {
        return std::unexpected(Error::image_too_big);
    }
    return {};
}

Result<> Load::copy(u64 id, u64 piece, u64 offset, PhysRange chunk) {
    if (!is_current(id)) {
        return std::unexpected(Error::stale);
    }
    if (piece >= parts_.size() || offset >= parts_[piece].piece.size || chunk.empty() ||
        chunk.size > max_chunk || chunk.size > parts_[piece].piece.size - offset) {
        return std::unexpected(Error::invalid);
    }
    const auto at = std::tie(piece, offset);
    const auto expected = std::tuple{u64{part_}, part_done_};
    if (at != expected) {
        return std::unexpected(at < expected ? Error::overlap : Error::out_of_order);
    }

    const Part& part = parts_[part_];
    Result<> taken{};
    if (is_text(part.piece.kind)) {
        taken = take_text(part.text.subspan(static_cast<usize>(offset)), chunk);
    } else if (part_ == 0 && offset == 0) {
        taken = place_kernel(chunk);
    } else {
        take(part.to + offset, chunk);
    }
    if (!taken) {
        return taken;
    }
    progress_.done += chunk.size;
    part_done_ += chunk.size;
    if (part_done_ == part.piece.size) {
        part_++;
        part_done_ = 0;
    }
    return {};
}

/// The kernel's first chunk. Its header is read once: what is checked is what is staged.
Result<> Load::place_kernel(PhysRange chunk) {
    const u64 file_size = parts_[0].piece.size;
    if (chunk.size < std::min<u64>(file_size, image_header_size)) {
        return std::unexpected(Error::invalid);
    }
    std::array<std::byte, image_header_size> bytes{};
    const std::span header{bytes.data(), std::min<usize>(chunk.size, bytes.size())};
    std::memcpy(header.data(), arch::bytes(chunk.begin), header.size());
    needed_ = size_limit; // if it is the header that is beyond all measure
    const auto info = arch::parse_image(header, file_size, store_.granules());
    if (!info) {
        return std::unexpected(info.error());
    }
    const Attachments with = attachments();
    needed_ = slot_size_for(*info, with).value_or(size_limit);
    const auto place = store_.place(*info, with);
    if (!place) {
        return std::unexpected(place.error());
    }
    place_others(*place);
    place_ = *place;
    progress_.needs = needed_;
    unpublished_ = PhysRange::between(place->kernel.begin + file_size, place->kernel.end());

    const PhysRange placed{place->kernel.begin, header.size()};
    std::memcpy(arch::bytes(placed.begin), header.data(), header.size());
    digest_.update(header);
    arch::publish_bytes(placed);
    take(placed.end(), PhysRange::between(chunk.begin + placed.size, chunk.end()));
    return {};
}

/// The copy is what is digested, for the original may change meanwhile.
void Load::take(PhysAddr to, PhysRange from) {
    std::byte* copy = arch::bytes(to);
    {
        const Stopwatch watch{progress_.copying};
        std::memcpy(copy, arch::bytes(from.begin), from.size);
    }
    {
        const Stopwatch watch{progress_.digesting};
        digest_.update({copy, static_cast<usize>(from.size)});
    }
    const Stopwatch watch{progress_.cleaning};
    arch::publish_bytes({to, from.size});
}

Result<> Load::take_text(std::span<char> to, PhysRange chunk) {
    const std::span<char> text = to.first(static_cast<usize>(chunk.size));
    std::memcpy(text.data(), arch::bytes(chunk.begin), text.size());
    if (std::memchr(text.data(), 0, text.size()) != nullptr) {
        return std::unexpected(Error::bad_command_line);
    }
    digest_.update(std::as_bytes(text));
    return {};
}

void Load::place_others(const SlotPlacement& place) {
    usize module = 0;
    for (Part& part : parts_) {
        if (part.piece.kind == PieceKind::kernel) {
            part.to = place.kernel.begin;
        } else if (part.piece.kind == PieceKind::initrd) {
            part.to = place.initrd->begin;
        } else if (!is_text(part.piece.kind)) {
            part.to = place.modules[module++].begin;
        }
    }
}

Attachments Load::attachments() const {
    StaticVector<Piece, max_pieces> pieces;
    for (const Part& part : parts_) {
        (void)pieces.push(part.piece);
    }
    return attachments_of({pieces.data(), pieces.size()});
}

} // namespace baton
