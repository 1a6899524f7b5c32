// SPDX-License-Identifier: BSD-2-Clause
#include "hyp/platform/efi/table_size.hpp"

#include "hyp/platform/acpi/tables.hpp"

#include <algorithm>
#include <array>
#include <optional>

namespace baton::efi {

namespace {

constexpr u64 most_bytes = 1 * MiB;

/// Bytes from an address to the end of the region that it lies in. Nothing if that is no region, or
/// one that nobody has allocated.
std::optional<u64> rest_of_region(const MemoryMapView& map, PhysAddr at) {
    std::optional<u64> rest;
    for_each_region(map, [&](const MemoryDescriptor& descriptor, PhysRange range) {
        if (!rest && range.contains(at) && descriptor.type != memory_type::conventional) {
            rest = range.end() - at;
        }
    });
    return rest;
}

/// The table has no head: variables follow one another to one that has neither name nor bytes.
/// Nothing if that is not found.
std::optional<u64> mok_variables_size(const RamReader& memory, PhysAddr at, u64 limit) {
    constexpr u32 most_variables = 1024;
    u64 size = 0;
    for (u32 i = 0; i < most_variables && limit - size >= sizeof(MokVariable); i++) {
        const auto variable = memory.read<MokVariable>(at + size);
        if (!variable) {
            return std::nullopt;
        }
        size += sizeof(*variable);
        if (variable->name[0] == '\0') {
            return variable->size == 0 ? std::optional{size} : std::nullopt;
        }
        if (variable->size > limit - size) {
            return std::nullopt;
        }
        size += variable->size;
    }
    return std::nullopt;
}

/// Of those that are always as long.
std::optional<u64> fixed_size(const Guid& vendor) {
    struct Fixed {
        Guid vendor;
        u64 size;
    };
    // UEFI Specification 2.10, 4.6; SMBIOS 3.7, 5.2; the last two are Linux's own.
    constexpr std::array all{
        Fixed{guid::acpi_2_0, sizeof(acpi::Rsdp)},
        Fixed{guid::acpi_1_0, 20},
        Fixed{guid::smbios, 31},
        Fixed{guid::smbios3, 24},
        Fixed{guid::rt_properties, 8},
        Fixed{guid::screen_info, 64},
        Fixed{guid::initrd_media, 16},
    };
    const auto* const found = std::ranges::find(all, vendor, &Fixed::vendor);
    return found != all.end() ? std::optional{found->size} : std::nullopt;
}

} // namespace

u64 with_entries(usize head, u64 count, u64 each) {
    return head + std::min(count, most_bytes / each) * each;
}

u64 table_size(const RamReader& memory, const MemoryMapView& map, const ConfigurationEntry& entry) {
    const PhysAddr at{entry.table};
    if (entry.vendor == guid::memory_attributes) {
        const auto table = memory.read<MemoryAttributesTable>(at);
        return table && table->descriptor_size != 0
                   ? with_entries(sizeof(*table), table->entries,
                                  std::min<u64>(table->descriptor_size, page_size))
                   : 1;
    }
    if (entry.vendor == guid::esrt) {
        const auto table = memory.read<EsrtHeader>(at);
        return table ? with_entries(sizeof(*table), table->count, esrt_entry_size) : 1;
    }
    if (entry.vendor == guid::tpm_event_log) {
        const auto table = memory.read<TpmEventLog>(at);
        return table ? with_entries(sizeof(*table), table->size, 1) : 1;
    }
    if (entry.vendor == guid::rng_seed) {
        const auto table = memory.read<RngSeed>(at);
        return table ? with_entries(sizeof(*table), table->size, 1) : 1;
    }
    if (const auto size = fixed_size(entry.vendor)) {
        return *size;
    }
    const u64 rest = rest_of_region(map, at).value_or(1);
    if (entry.vendor == guid::mok_variables) {
        if (const auto size = mok_variables_size(memory, at, rest)) {
            return *size;
        }
    }
    return std::min(rest, most_bytes);
}

} // namespace baton::efi
