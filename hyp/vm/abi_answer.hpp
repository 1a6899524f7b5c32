// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "guest-api/baton.h"
#include "hyp/arch.hpp"
#include "hyp/vm/hypercall.hpp"
#include "hyp/vm/vm.hpp"

/// How calls that tell something put it.
namespace baton {

inline CallResult refusal(Error error) { return {abi_status(error), true}; }

/// @param written bytes of a struct, or why there are none
inline CallResult answer(const Result<u64>& written) {
    return written ? CallResult{BATON_OK, true, {*written}} : refusal(written.error());
}

/// How a VM stands.
baton_status status_of(Vm& vm);

inline u64 to_ns(Ticks ticks) {
    // A counter of some MHz to GHz: the product stays below 2^64 for some seconds at least.
    constexpr u64 ns = 1'000'000'000;
    const Ticks frequency = arch::frequency();
    return ticks / frequency * ns + ticks % frequency * ns / frequency;
}

} // namespace baton
