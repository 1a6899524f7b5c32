// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "guest-api/guest/cpu.hpp"

#include <bitset>
#include <optional>

/// Every register that EL1 or EL0 can write (register_table.cpp): what each holds when a CPU
/// enters, and a value in each for the next kernel not to find.
namespace baton::guest {

struct Register {
    std::string_view name;
    std::optional<u32> number; ///< of one that there are many of: DBGBVR<n>_EL1
    u64 (*read)();
    void (*write)(u64);
    /// These bits of it are turned over before a handover; 0: it is left as it is.
    u64 flips;
    /// What a CPU finds in it; nothing: a value of the CPU model's own, as after a cold boot.
    std::optional<u64> entry;
    /// The bits that count.
    u64 defined;
    /// Why Baton does not give it an entry value, if so.
    std::string_view why_not;
    /// Where entry.S keeps what it found, as it has to change the register.
    u64 EntryState::* found;
};

inline constexpr usize max_registers = 288;

/// In an order in which they can be read and filled: what an exception changes first, what gives
/// access to others before those, what this library cannot do without last.
std::span<const Register> registers();

struct EntryRecord {
    std::array<u64, max_registers> values;
    std::bitset<max_registers> present; ///< the others are UNDEFINED on this CPU
};

/// As this CPU found them: recorded before anything of a guest has run on it.
const EntryRecord& entry_record(const Cpu& cpu);

/// Fills all of this CPU's registers. Interrupts must be masked for good, and this_cpu() is gone.
/// @return those that now differ from what a CPU finds at entry
std::bitset<max_registers> fill_registers();

} // namespace baton::guest
