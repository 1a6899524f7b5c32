// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/address.hpp"
#include "hyp/types.hpp"

#include <concepts>

namespace baton {

/// Access to device registers and configuration space, little-endian, each call one access of just
/// that width, in program order. The machine has one; the unit tests have another.
template <class M>
concept DeviceMemory = requires(M memory, PhysAddr at) {
    { memory.read8(at) } -> std::same_as<u8>;
    { memory.read16(at) } -> std::same_as<u16>;
    { memory.read32(at) } -> std::same_as<u32>;
    { memory.write8(at, u8{}) };
    { memory.write16(at, u16{}) };
    { memory.write32(at, u32{}) };
};

} // namespace baton
