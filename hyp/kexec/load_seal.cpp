// SPDX-License-Identifier: BSD-2-Clause
//
// The end of a load: sealed and staged, or dropped.
#include "hyp/arch.hpp"
#include "hyp/kexec/load.hpp"
#include "hyp/kexec/stopwatch.hpp"

#include <algorithm>

namespace baton {
namespace {

/// Bytes that one call of `seal` publishes: about the work of copying and digesting a chunk.
constexpr u64 publish_at_once = 4 * MiB;

} // namespace

Result<u64> Load::seal(u64 id, const Seal& request) {
    if (!is_current(id)) {
        return std::unexpected(Error::stale);
    }
    if (progress_.state == State::copying) {
        if (const auto begun = begin_seal(request); !begun) {
            return std::unexpected(begun.error());
        }
    }
    const PhysRange now{unpublished_.begin, std::min(unpublished_.size, publish_at_once)};
    {
        const Stopwatch watch{progress_.cleaning};
        arch::publish_bytes(now);
    }
    unpublished_ = PhysRange::between(now.end(), unpublished_.end());
    return unpublished_.empty() ? stage() : unpublished_.size;
}

Result<> Load::begin_seal(const Seal& request) {
    if (missing() != 0) {
        return std::unexpected(Error::incomplete);
    }
    if (digest_.finish() != request.digest) {
        clear();
        return std::unexpected(Error::bad_digest);
    }
    seed_ = request.entropy;
    seeded_ = request.has_entropy;
    progress_.state = State::sealing;
    return {};
}

Result<u64> Load::stage() {
    std::string_view command_line;
    StaticVector<DtbModule, Attachments::max_modules> modules;
    for (const Part& part : parts_) {
        const std::string_view text{part.text.data(), part.text.size()};
        switch (part.piece.kind) {
        case PieceKind::kernel:
        case PieceKind::initrd:
            break;
        case PieceKind::command_line:
            command_line = text;
            break;
        case PieceKind::module_kernel:
        case PieceKind::module_ramdisk:
            (void)modules.push({.range = {part.to, part.piece.size},
                                .is_kernel = part.piece.kind == PieceKind::module_kernel,
                                .bootargs = {}});
            break;
        case PieceKind::module_arguments:
            modules[modules.size() - 1].bootargs = text;
            break;
        }
    }
    const auto staged = store_.stage({.kexec = progress_.kexec,
                                      .id = progress_.id,
                                      .size = progress_.size,
                                      .place = *place_,
                                      .bootargs = command_line,
                                      .seed = std::span{seed_}.first(seeded_ ? seed_.size() : 0),
                                      .modules = {modules.data(), modules.size()}});
    clear();
    if (!staged) {
        return std::unexpected(staged.error());
    }
    return 0;
}

Result<> Load::discard(u64 id) {
    const bool loading = progress_.state != State::none;
    const u64 there = loading ? progress_.id : store_.staged() ? store_.staged()->id : 0;
    if (id != 0 && id != there) {
        return std::unexpected(Error::stale);
    }
    clear();
    store_.discard();
    return {};
}

/// Nothing is in progress any more; how the last load went can still be asked.
void Load::clear() {
    progress_.state = State::none;
    parts_.clear();
    part_ = 0;
    part_done_ = 0;
    place_.reset();
    digest_ = {};
    std::ranges::fill(seed_, std::byte{});
}

Load::Progress Load::progress() const {
    const StagedImage* const staged = store_.staged();
    if (progress_.state != State::none || !staged) {
        return progress_.state == State::none ? Progress{} : progress_;
    }
    Progress whole = staged->id == progress_.id ? progress_ : Progress{}; // with its times
    whole.state = State::staged;
    whole.kexec = staged->kexec;
    whole.id = staged->id;
    whole.size = staged->size;
    whole.done = staged->size;
    whole.needs = staged->needs;
    return whole;
}

} // namespace baton
