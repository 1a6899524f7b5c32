// SPDX-License-Identifier: BSD-2-Clause
#include "arch/arm64/boot/boot_machine.hpp"

#include "arch/arm64/boot/el2_map.hpp"
#include "arch/arm64/boot/image.hpp"
#include "arch/arm64/cpu/registers.hpp"
#include "arch/arm64/cpu/sysreg.hpp"
#include "arch/arm64/mmu/descriptor.hpp"
#include "hyp/arch.hpp"
#include "hyp/platform/acpi/parse_acpi.hpp"

namespace baton::arm64 {
namespace {

/// Baton's own image is no table, and would lose its rights to itself.
std::optional<Bytes> map_for_reading(PhysRange range) {
    const bool readable = !whole_pages(range).overlaps(whole_pages(image::whole())) &&
                          map_early(range, HypMemory::constants);
    return readable ? std::optional{Bytes{arch::bytes(range.begin), range.size}} : std::nullopt;
}

} // namespace

PhysAddr end_of_addresses() {
    return {u64{1} << PhysicalSize::from(read_raw<ID_AA64MMFR0_EL1>()).bits};
}

Result<> read_machine_early(std::span<const std::byte> dtb, Platform& platform) {
    auto map = map_for_reading;
    return read_machine(dtb, PhysicalMemory{map}, end_of_addresses(), platform);
}

} // namespace baton::arm64
