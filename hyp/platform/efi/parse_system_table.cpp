// SPDX-License-Identifier: BSD-2-Clause
#include "hyp/platform/efi/parse_efi.hpp"
#include "hyp/platform/efi/table_size.hpp"
#include "hyp/platform/parse/parse.hpp"

#include <algorithm>

namespace baton::efi {

namespace {

/// What earlier kernels want left alone: an interrupt controller may still write to it. The list
/// is as long as these made it, and may be no list at all.
Result<> reserve_listed(const RamReader& memory, PhysAddr first, Platform& platform) {
    constexpr u32 most_blocks = 256;
    PhysAddr at = first;
    for (u32 blocks = 0; at.value != 0; blocks++) {
        const auto block = memory.read<MemreserveBlock>(at);
        if (!block || blocks == most_blocks) {
            note(platform, "the list of memory that earlier kernels reserved is broken");
            return {};
        }
        const u64 size = with_entries(sizeof(*block), std::min(block->count, block->capacity),
                                      sizeof(MemreserveEntry));
        const auto bytes = memory.read(at, size);
        if (auto done = reserve_pages({at, size}, false, platform); !done || !bytes) {
            return done;
        }
        for (usize offset = sizeof(*block); offset < size; offset += sizeof(MemreserveEntry)) {
            const auto entry = read_at<MemreserveEntry>(*bytes, offset);
            const auto range = entry ? PhysRange::make({entry->base}, entry->size) : std::nullopt;
            if (!range || range->empty() || !platform.ram.contains(*range)) {
                continue;
            }
            if (auto done = reserve_pages(*range, false, platform); !done) {
                return done;
            }
        }
        at = {block->next};
    }
    return {};
}

/// What a kernel that makes way for another leaves for it. Without a seed in /chosen it is Baton's.
void take_seed(const RamReader& memory, PhysAddr at, Platform& platform) {
    const auto head = memory.read<RngSeed>(at);
    const u64 size = head ? std::min<u64>(head->size, decltype(Platform::seed)::capacity) : 0;
    const auto bytes =
        platform.seed.empty() ? memory.read(at + sizeof(RngSeed), size) : std::nullopt;
    for (const std::byte byte : bytes.value_or(Bytes{})) {
        (void)platform.seed.push(byte); // no more than there is room for
    }
}

/// @param size bytes of what the entry leads to
Result<> reserve_entry(const RamReader& memory, const ConfigurationEntry& entry, u64 size,
                       Platform& platform) {
    if (entry.vendor == guid::rng_seed) {
        take_seed(memory, {entry.table}, platform);
    }
    if (entry.vendor == guid::memreserve) {
        return reserve_listed(memory, {entry.table}, platform);
    }
    const auto range = PhysRange::make({entry.table}, size);
    return range && platform.ram.contains(*range) ? reserve_pages(*range, false, platform)
                                                  : Result<>{};
}

} // namespace

Result<> parse_system_table(PhysicalMemory source, Platform& platform, FirmwareTables& tables) {
    const RamReader memory{source, platform.ram};
    const auto system = memory.read<SystemTable>(tables.handoff.system_table);
    if (!system) {
        return fail(platform, Error::unsupported,
                    "the EFI system table is not in what the EFI memory map says is memory");
    }
    if (!is_system_table(*system)) {
        return fail(platform, Error::bad_dtb, "linux,uefi-system-table names no EFI system table");
    }
    tables.firmware.system_table = *system;
    if (system->configuration_entries > max_configuration_entries) {
        return fail(platform, Error::too_many,
                    "the EFI system table has more than 256 configuration tables");
    }
    const u64 size = system->configuration_entries * sizeof(ConfigurationEntry);
    tables.configuration_address =
        to_physical(tables.firmware.memory_map, system->configuration_table);
    const auto configuration = memory.read(tables.configuration_address, size);
    if (!configuration) {
        return fail(platform, Error::unsupported, "the EFI configuration tables are not in memory");
    }
    tables.firmware.configuration = ConfigurationTable{*configuration};
    for (const PhysRange range : {PhysRange{tables.handoff.system_table, sizeof(*system)},
                                  PhysRange{tables.configuration_address, size}}) {
        if (auto done = reserve_pages(range, false, platform); !done) {
            return done;
        }
    }
    for (usize i = 0; i < tables.firmware.configuration.size(); i++) {
        const ConfigurationEntry entry = tables.firmware.configuration[i];
        const u64 bytes = table_size(memory, tables.firmware.memory_map, entry);
        const PhysRange esrt{{entry.table}, bytes};
        if (entry.vendor == guid::esrt && platform.ram.contains(esrt)) {
            tables.firmware.esrt = esrt;
        }
        if (auto done = reserve_entry(memory, entry, bytes, platform); !done) {
            return done;
        }
    }
    return {};
}

} // namespace baton::efi
