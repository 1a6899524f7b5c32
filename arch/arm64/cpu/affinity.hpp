// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/types.hpp"

/// Which CPU: the fields Aff3 to Aff0 in the two forms that the architecture has for them.
namespace baton::arm64 {

/// As MPIDR_EL1, GICD_IROUTER and PSCI's calls have them: Aff3 in bits 39:32, Aff2 to Aff0 in bits
/// 23:0.
enum class Mpidr : u64 {};
/// As GICR_TYPER has them: Aff3.Aff2.Aff1.Aff0, a byte each.
enum class Affinity : u32 {};

constexpr u64 bits(Mpidr mpidr) { return static_cast<u64>(mpidr); }
constexpr u32 bits(Affinity affinity) { return static_cast<u32>(affinity); }

/// Other bits than those of the fields are passed over.
constexpr Affinity affinity_of(Mpidr mpidr) {
    return Affinity{static_cast<u32>((bits(mpidr) >> 32 & 0xff) << 24 | (bits(mpidr) & 0xff'ffff))};
}
constexpr Mpidr mpidr_of(Affinity affinity) {
    return Mpidr{u64{bits(affinity) >> 24} << 32 | (bits(affinity) & 0xff'ffff)};
}

} // namespace baton::arm64
