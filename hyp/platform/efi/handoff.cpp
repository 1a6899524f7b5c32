// SPDX-License-Identifier: BSD-2-Clause
#include "hyp/platform/efi/handoff.hpp"

namespace baton::efi {

namespace {

/// Of either width, as Linux takes it.
std::optional<u64> number(FdtNode chosen, std::string_view property) {
    const Bytes value = chosen.get(property).value_or(Bytes{});
    return value.size() == 4 || value.size() == 8
               ? CellReader{value}.take(static_cast<u32>(value.size() / 4))
               : std::nullopt;
}

} // namespace

std::optional<Handoff> read_handoff(const Fdt& fdt) {
    const auto chosen = fdt.find("/chosen");
    if (!chosen) {
        return std::nullopt;
    }
    const auto system_table = number(*chosen, "linux,uefi-system-table");
    const auto map = number(*chosen, "linux,uefi-mmap-start");
    const auto map_size = number(*chosen, "linux,uefi-mmap-size");
    const auto descriptor_size = number(*chosen, "linux,uefi-mmap-desc-size");
    const auto version = number(*chosen, "linux,uefi-mmap-desc-ver");
    if (!system_table || !map || !map_size || !descriptor_size || !version) {
        return std::nullopt;
    }
    const auto range = PhysRange::make({*map}, *map_size);
    if (!range || range->empty() || *system_table == 0 || *descriptor_size > page_size) {
        return std::nullopt;
    }
    return Handoff{.system_table = {*system_table},
                   .memory_map = *range,
                   .descriptor_size = static_cast<u32>(*descriptor_size),
                   .descriptor_version = static_cast<u32>(*version),
                   .secure_boot = chosen->number("linux,uefi-secure-boot")};
}

bool describes_no_machine(const Fdt& fdt) {
    bool nothing = true;
    for_each_child(fdt.root(), [&](FdtNode node) {
        const std::string_view name = node.name();
        nothing = nothing && (name == "chosen" || name == "hypervisor");
    });
    return nothing;
}

} // namespace baton::efi
