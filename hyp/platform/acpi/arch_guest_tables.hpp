// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/bytes.hpp"
#include "hyp/types.hpp"

#include <optional>

/// What the ACPI tables of a guest ask the architecture about.
namespace baton::arch {

/// What an entry of the MADT is.
struct MadtPart {
    enum class Kind {
        other,
        cpu,
        message_controller,
        hypervisors_only, ///< no guest has it
    };
    Kind kind = Kind::other;
    u64 firmware_id = 0; ///< of a CPU, as CpuInfo's
    /// Of a CPU: where in the entry its u32 of flags is. With none of them set no kernel starts it.
    u32 flags = 0;
};

/// @param entry whole; of any size
MadtPart read_madt_part(u8 type, Bytes entry);

/// Takes out of a CPU's entry what only a hypervisor can use.
void take_out_virtualization(std::span<std::byte> entry);

/// How the guest calls the hypervisor for power, in the FADT's field of boot flags. The same as
/// `firmware`: the firmware's table will do.
u16 boot_architecture_for_guest(u16 firmware);

/// Has a guest no such table, as what it offers is not there under a hypervisor?
bool hides_table(Bytes table);

} // namespace baton::arch
