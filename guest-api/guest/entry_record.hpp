// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/types.hpp"

#include <array>
#include <span>
#include <string_view>

/// What a CPU finds when it enters, recorded before the library changes any of it: a test can then
/// tell whether it looks like a cold boot.
namespace baton::guest {

/// A register that a guest can write and that a reset puts back.
struct ResetRegister {
    std::string_view name;
    u64 (*read)();
    void (*write)(u64);
    /// A legal value that no reset has, which does not disturb the library.
    u64 dirty;
    /// The bits that a reset defines.
    u64 defined = ~u64{0};
};

/// Those of this CPU's model, at most `max_reset_registers`.
std::span<const ResetRegister> reset_registers();
inline constexpr usize max_reset_registers = 40;

/// One bit an INTID.
struct InterruptState {
    u32 enabled, pending, active;
    u32 group_1, any_priority;

    bool operator==(const InterruptState&) const = default;
};

struct EntryRecord {
    /// In the order of reset_registers().
    std::array<u64, max_reset_registers> registers;
    /// SGIs and PPIs.
    InterruptState own_interrupts;
};

void record_registers(EntryRecord& record);

} // namespace baton::guest
