// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "guest-api/guest/hypercall.hpp"
#include "hyp/crypto/sha256.hpp"

#include <span>
#include <string_view>

/// Staging the next image, the way a guest does it that wants one.
namespace baton::guest {

/// A boot module of an image that takes Baton's place.
struct SuccessorModule {
    std::span<const std::byte> bytes;
    bool is_kernel = false;
    std::string_view arguments{};
};

struct Successor {
    std::span<const std::byte> kernel;
    std::span<const std::byte> initrd;
    std::string_view command_line;
    baton_load_kind kind = BATON_GUEST_KEXEC;
    std::span<const SuccessorModule> modules{};
    u32 vm = 0; ///< another VM's number: the host VM stages its next image
};

/// Makes a call until it is not BUSY: another vCPU's call of that kind takes a moment only.
template <class Call>
CallResult insist(const Call& call) {
    CallResult result{};
    do {
        result = call();
    } while (result.status() == BATON_BUSY);
    return result;
}

/// Begins a load of these sizes.
CallResult begin_load(const Successor& successor);

/// Copies all of it. The first status that is not BATON_OK ends it.
CallResult copy_all(u64 id, const Successor& successor);

/// One piece, by its number.
CallResult copy_piece(u64 id, u64 number, std::span<const std::byte> piece);

Sha256::Digest digest_of(const Successor& successor);

/// Until nothing is left to do, or it is refused.
CallResult seal(u64 id, const baton_seal& request);
baton_seal seal_request(const Sha256::Digest& digest);

/// Bytes that differ from load to load. Not fit for secrets: a guest of tests has no better source.
void add_entropy(baton_seal& request);

/// All of the above: BATON_OK with the image's id in X1, or the first refusal.
CallResult stage(const Successor& successor);

} // namespace baton::guest
