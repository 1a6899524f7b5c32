// SPDX-License-Identifier: BSD-2-Clause
#include "guest-api/baton.h"
#include "hyp/arch.hpp"
#include "hyp/vm/abi_answer.hpp"
#include "hyp/vm/guest_ram.hpp"
#include "hyp/vm/hypercall.hpp"
#include "hyp/vm/vm.hpp"

#include <algorithm>
#include <cstring>

namespace baton {
namespace {

static_assert(Load::max_chunk == BATON_MAX_CHUNK);
static_assert(Load::max_pieces == BATON_MAX_PIECES);
static_assert(Load::max_command_line == BATON_MAX_COMMAND_LINE);

/// A refusal that comes with numbers.
CallResult load_refusal(Vm& vm, Error error) {
    switch (error) {
    case Error::image_too_big: {
        const u64 slot = vm.images().slots()[index(vm.images().spare_slot())].size;
        return {abi_status(error), true, {vm.load().needed(), slot}};
    }
    case Error::incomplete:
        return {abi_status(error), true, {vm.load().missing()}};
    default:
        return refusal(error);
    }
}

std::optional<PieceKind> piece_kind(u32 kind) {
    switch (kind) {
    case BATON_PIECE_KERNEL:
        return PieceKind::kernel;
    case BATON_PIECE_INITRD:
        return PieceKind::initrd;
    case BATON_PIECE_COMMAND_LINE:
        return PieceKind::command_line;
    case BATON_PIECE_MODULE_KERNEL:
        return PieceKind::module_kernel;
    case BATON_PIECE_MODULE_RAMDISK:
        return PieceKind::module_ramdisk;
    case BATON_PIECE_MODULE_ARGUMENTS:
        return PieceKind::module_arguments;
    default:
        return std::nullopt;
    }
}

using Pieces = StaticVector<Piece, Load::max_pieces>;

Result<Pieces> read_pieces(const baton_load& request) {
    if (request.kind > BATON_HOST_KEXEC || request.flags != 0 ||
        request.piece_count > BATON_MAX_PIECES) {
        return std::unexpected(Error::invalid);
    }
    Pieces pieces;
    for (const baton_piece& piece : std::span{request.pieces}.first(request.piece_count)) {
        const auto kind = piece_kind(piece.kind);
        if (!kind || piece.reserved != 0 || !pieces.push({.kind = *kind, .size = piece.size})) {
            return std::unexpected(Error::invalid);
        }
    }
    return pieces;
}

/// The VM that a load or an image is of, by its id; 0: the caller's own. Only the host VM reaches
/// another's, so for all others such an id is one that is not there.
Result<Vm*> vm_of_image(Vm& caller, u64 id) {
    const VmId vm = id == 0 ? caller.id() : ImageStore::vm_of(id);
    if (vm != caller.id() && (!caller.is_host() || index(vm) >= caller.setup().all.size())) {
        return std::unexpected(Error::stale);
    }
    return &caller.setup().all[index(vm)];
}

/// Called with the target's claim.
using LoadCall = CallResult (*)(Vm& caller, Vm& target, const GuestCall& call);

CallResult copy(Vm& caller, Vm& target, const GuestCall& call) {
    Load& load = target.load();
    if (!load.is_current(call.argument(0))) {
        return refusal(Error::stale);
    }
    const u64 size = call.argument(4);
    const auto chunk = guest_ram(caller, call.address(3), std::min<u64>(size, BATON_MAX_CHUNK));
    if (!chunk) {
        return refusal(chunk.error());
    }
    const auto copied =
        load.copy(call.argument(0), call.argument(1), call.argument(2), {chunk->begin, size});
    return copied ? CallResult{BATON_OK, true} : load_refusal(target, copied.error());
}

CallResult seal(Vm& caller, Vm& target, const GuestCall& call) {
    Load& load = target.load();
    if (!load.is_current(call.argument(0))) {
        return refusal(Error::stale);
    }
    Load::Seal request{};
    if (load.wants_seal_request()) {
        const auto read = read_struct<baton_seal>(caller, call.address(1), call.argument(2));
        if (!read) {
            return refusal(read.error());
        }
        if ((read->flags & ~BATON_SEAL_ENTROPY) != 0 || read->reserved != 0) {
            return refusal(Error::invalid);
        }
        std::memcpy(request.digest.data(), read->digest, sizeof read->digest);
        std::memcpy(request.entropy.data(), read->entropy, sizeof read->entropy);
        request.has_entropy = (read->flags & BATON_SEAL_ENTROPY) != 0;
    }
    const auto left = load.seal(call.argument(0), request);
    if (!left) {
        return load_refusal(target, left.error());
    }
    return {*left == 0 ? BATON_OK : BATON_MORE, true, {*left}};
}

CallResult discard(Vm&, Vm& target, const GuestCall& call) {
    const auto discarded = target.load().discard(call.argument(0));
    return discarded ? CallResult{BATON_OK, true} : refusal(discarded.error());
}

/// One call that changes what is staged for a VM at a time, and none while a handover of it begins.
CallResult with_claim(Vm& caller, const GuestCall& call, LoadCall function) {
    const auto target = vm_of_image(caller, call.argument(0));
    if (!target) {
        return refusal(target.error());
    }
    if (!(*target)->claim_images()) {
        return refusal(Error::busy);
    }
    const CallResult result = function(caller, **target, call);
    (*target)->unclaim_images();
    return result;
}

Result<u64> begin_for(Vm& caller, Vm& target, Kexec kexec, const Pieces& pieces) {
    if (const auto vacated = target.vacate_spare_slot(&caller.lifecycle()); !vacated) {
        return std::unexpected(vacated.error());
    }
    return target.load().begin(kexec, {pieces.data(), pieces.size()});
}

} // namespace

CallResult load_begin_call(Vm& caller, const GuestCall& call) {
    const auto request = read_struct<baton_load>(caller, call.address(0), call.argument(1));
    if (!request) {
        return refusal(request.error());
    }
    const auto pieces = read_pieces(*request);
    if (!pieces) {
        return refusal(pieces.error());
    }
    const auto kexec = request->kind == BATON_HOST_KEXEC ? Kexec::host : Kexec::guest;
    const u32 number = request->vm == 0 ? index(caller.id()) : request->vm;
    if (number >= caller.setup().all.size() || (kexec == Kexec::host && request->vm != 0)) {
        return refusal(Error::invalid);
    }
    const bool is_allowed =
        kexec == Kexec::host || number != index(caller.id()) ? caller.is_host() : true;
    if (!caller.setup().guests_may_load || !is_allowed) {
        return refusal(Error::not_allowed);
    }
    if (kexec == Kexec::host && arch::has_resident_trusted_os()) {
        return refusal(Error::trusted_os);
    }
    Vm& target = caller.setup().all[number];
    if (!target.claim_images()) {
        return refusal(Error::busy);
    }
    const auto id = begin_for(caller, target, kexec, *pieces);
    const CallResult result =
        id ? CallResult{BATON_OK, true, {*id}} : load_refusal(target, id.error());
    target.unclaim_images();
    return result;
}

CallResult load_copy_call(Vm& caller, const GuestCall& call) {
    return with_claim(caller, call, copy);
}
CallResult load_seal_call(Vm& caller, const GuestCall& call) {
    return with_claim(caller, call, seal);
}
CallResult load_drop_call(Vm& caller, const GuestCall& call) {
    return with_claim(caller, call, discard);
}

CallResult exec_call(Vm& caller, const GuestCall& call) {
    const u64 id = call.argument(1);
    const auto target = vm_of_image(caller, id);
    if (call.argument(0) != 0 || !target) {
        return refusal(target ? Error::invalid : target.error());
    }
    if (*target == &caller) {
        return refusal(caller.exec(id));
    }
    const auto ordered = (*target)->order_kernel(id);
    return ordered ? CallResult{BATON_OK, true} : refusal(ordered.error());
}

} // namespace baton
