// SPDX-License-Identifier: BSD-2-Clause
#include "arch/arm64/platform/acpi/tables.hpp"
#include "hyp/platform/acpi/arch_guest_tables.hpp"

#include <algorithm>
#include <cstddef>

/// How the MADT and the FADT differ for a guest from the firmware's.
namespace baton::arch {

using namespace arm64::acpi;

namespace {

/// A field that an old, short entry may not have.
void clear(std::span<std::byte> entry, usize offset, usize size) {
    if (holds(entry, offset, size)) {
        std::ranges::fill(entry.subspan(offset, size), std::byte{0});
    }
}

/// AGDI (Arm DEN0093): what signals it, in the first two bits behind the header.
bool is_signalled_by_sdei_alone(Bytes agdi) {
    const auto flags = read_at<u8>(agdi, sizeof(TableHeader));
    return flags && (*flags & 3) == 0;
}

} // namespace

MadtPart read_madt_part(u8 type, Bytes entry) {
    using Kind = MadtPart::Kind;
    switch (MadtType{type}) {
    case MadtType::gicc:
        if (const auto mpidr = read_at<u64>(entry, gicc_mpidr_offset)) {
            return {.kind = Kind::cpu, .firmware_id = *mpidr, .flags = gicc_flags_offset};
        }
        return {.kind = Kind::hypervisors_only}; // Nobody could start it.
    case MadtType::gic_its:
        return {.kind = Kind::message_controller};
    case MadtType::gic_msi_frame: // It makes SPIs: Baton has none for the guest.
        return {.kind = Kind::hypervisors_only};
    default:
        return {};
    }
}

void take_out_virtualization(std::span<std::byte> entry) {
    clear(entry, offsetof(MadtGicc, gicv_base), sizeof(MadtGicc::gicv_base));
    clear(entry, offsetof(MadtGicc, gich_base), sizeof(MadtGicc::gich_base));
    clear(entry, offsetof(MadtGicc, maintenance_interrupt),
          sizeof(MadtGicc::maintenance_interrupt));
}

u16 boot_architecture_for_guest(u16 firmware) { return firmware | psci_compliant | psci_use_hvc; }

bool hides_table(Bytes table) {
    const auto header = read_at<TableHeader>(table);
    if (!header) {
        return false;
    }
    // Events would come to EL2, at an address of the guest's: such calls are refused.
    return acpi::is(header->signature, "SDEI") ||
           (acpi::is(header->signature, "AGDI") && is_signalled_by_sdei_alone(table));
}

} // namespace baton::arch
