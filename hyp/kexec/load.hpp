// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/crypto/sha256.hpp"
#include "hyp/kexec/image_store.hpp"
#include "hyp/kexec/pieces.hpp"
#include "hyp/static_vector.hpp"

#include <array>
#include <optional>
#include <span>

namespace baton {

/// A guest's image set on its way into the spare slot: begin, copy piece after piece, seal.
/// guest-api/baton.h says what each is for. No call takes longer than copying a chunk does.
///
/// Every function is for the CPU that has the store's claim. An error leaves the
/// load as it was, unless it says otherwise.
class Load {
  public:
    static constexpr usize max_pieces = 16;
    static constexpr u64 max_chunk = 64 * KiB;
    static constexpr usize max_command_line = 4095; ///< a module's arguments too

    struct Seal {
        Sha256::Digest digest;
        std::array<std::byte, 64> entropy; ///< for kaslr-seed and rng-seed
        bool has_entropy;
    };

    enum class State : u64 { none, copying, sealing, staged };

    /// Where a load stands.
    struct Progress {
        State state = State::none;
        Kexec kexec = Kexec::guest;
        u64 id = 0;
        u64 size = 0;  ///< bytes of all pieces
        u64 done = 0;  ///< bytes copied
        u64 needs = 0; ///< bytes of the slot; 0: not known yet
        Ticks copying{};
        Ticks digesting{};
        Ticks cleaning{};
    };

    explicit Load(ImageStore& store) : store_{store} {}

    /// Begins a load and drops the staged image.
    /// @return the load's id
    /// Errors: busy (there is a load already), invalid, bad_command_line, image_too_big (`needed`).
    Result<u64> begin(Kexec kexec, std::span<const Piece> pieces);

    /// Takes the next chunk.
    /// @param piece its number in `begin`
    /// @param offset bytes in the piece
    /// @param chunk 1 to max_chunk bytes of the guest's memory, which may change all the time
    /// Errors: stale, invalid, out_of_order, overlap, those of parse_image, image_too_big
    /// (`needed`), bad_command_line.
    Result<> copy(u64 id, u64 piece, u64 offset, PhysRange chunk);

    /// Ends the copying and stages the image, a piece of work at a time.
    /// @param request is looked at in the first call for a load only
    /// @return bytes that are left to do; 0: it is staged
    /// Errors: stale, incomplete (`missing`). They end the load: bad_digest, and those of
    /// ImageStore::stage.
    Result<u64> seal(u64 id, const Seal& request);
    bool wants_seal_request() const { return progress_.state == State::copying; }

    /// Drops this load, or the staged image if that is its id; 0: whatever there is.
    /// Errors: stale.
    Result<> discard(u64 id);

    /// Is there a load of this id?
    bool is_current(u64 id) const { return progress_.state != State::none && progress_.id == id; }
    u64 needed() const { return needed_; }
    u64 missing() const { return progress_.size - progress_.done; }

    /// Of the load in progress, of what is staged, or of nothing.
    Progress progress() const;

  private:
    /// A piece, and where it goes: into the slot once the kernel's header is known, or texts into
    /// `texts_`.
    struct Part {
        Piece piece;
        PhysAddr to{};
        std::span<char> text;
    };

    Result<> check(Kexec kexec, std::span<const Piece> pieces);
    Result<> place_kernel(PhysRange chunk);
    void place_others(const SlotPlacement& place);
    void take(PhysAddr to, PhysRange from);
    Result<> take_text(std::span<char> to, PhysRange chunk);
    Attachments attachments() const;
    Result<> begin_seal(const Seal& request);
    Result<u64> stage();
    void clear();

    ImageStore& store_;

    Progress progress_{}; ///< State::none: of the last load
    StaticVector<Part, max_pieces> parts_;
    usize part_ = 0;    ///< the one that is being copied
    u64 part_done_ = 0; ///< bytes of it
    std::optional<SlotPlacement> place_;
    /// A command line, and arguments for as many modules as there can be with any.
    std::array<char, (max_pieces / 2) * max_command_line> texts_{};
    Sha256 digest_;
    std::array<std::byte, 64> seed_{};
    bool seeded_ = false;
    PhysRange unpublished_{}; ///< of the kernel, what lies beyond its file: BSS
    u64 needed_ = 0;
};

} // namespace baton
