// SPDX-License-Identifier: BSD-2-Clause
#include "arch/arm64/gic/intid.hpp"
#include "arch/arm64/platform/acpi/parse.hpp"
#include "arch/arm64/platform/acpi/tables.hpp"
#include "arch/arm64/platform/arch_platform.hpp"
#include "hyp/platform/acpi/arch_tables.hpp"
#include "hyp/platform/acpi/table_set.hpp"
#include "hyp/platform/parse/parse.hpp"

namespace baton {

namespace arm64::acpi {

std::optional<InterruptId> private_gsiv(u32 gsiv) {
    const InterruptId interrupt{gsiv};
    const bool is_private = (interrupt >= gic::first_ppi && interrupt < gic::first_spi) ||
                            gic::is_extended_ppi(interrupt);
    return is_private ? std::optional{interrupt} : std::nullopt;
}

Result<> parse_timer(Bytes bytes, Platform& platform) {
    const auto table = read_at<Gtdt>(bytes);
    if (!table) {
        return fail(platform, Error::bad_dtb, "the ACPI table GTDT is too short");
    }
    const auto physical = private_gsiv(table->nonsecure_el1);
    const auto virt = private_gsiv(table->virtual_el1);
    const auto hyp = private_gsiv(table->el2);
    if (!physical || !virt || !hyp) {
        return fail(platform, Error::unsupported,
                    "an Armv8 timer without PPIs for physical, virtual and hypervisor timer");
    }
    constexpr u8 first_with_virtual_el2 = 3;
    const auto more = table->header.revision >= first_with_virtual_el2
                          ? read_at<GtdtVirtualEl2>(bytes, sizeof(Gtdt))
                          : std::nullopt;
    platform.arch->timer = {.secure = private_gsiv(table->secure_el1),
                            .physical = *physical,
                            .virt = *virt,
                            .hyp = *hyp,
                            .hyp_virt = more ? private_gsiv(more->interrupt) : std::nullopt};
    return {};
}

Result<> parse_psci(Bytes bytes, Platform& platform) {
    const auto table = read_at<baton::acpi::Fadt>(bytes);
    if (!table) {
        return fail(platform, Error::bad_dtb, "the ACPI table FADT is of a time before Arm");
    }
    if ((table->flags & baton::acpi::fadt_hardware_reduced) == 0) {
        return fail(platform, Error::unsupported,
                    "the ACPI tables are not of the hardware-reduced kind, which Arm's are");
    }
    if ((table->arm_boot_architecture & psci_compliant) == 0) {
        return fail(platform, Error::unsupported, "no PSCI of version 0.2 or later");
    }
    const bool by_hvc = (table->arm_boot_architecture & psci_use_hvc) != 0;
    platform.arch->psci = {.conduit = by_hvc ? PsciInfo::Conduit::hvc : PsciInfo::Conduit::smc,
                           .major = 0,
                           .minor = 2};
    return {};
}

} // namespace arm64::acpi

Result<> arch::parse_tables(Platform& platform) {
    const auto madt = acpi::find_table(platform, "APIC");
    const auto gtdt = acpi::find_table(platform, "GTDT");
    const auto fadt = acpi::find_table(platform, "FACP");
    if (!madt || !gtdt || !fadt) {
        return fail(platform, Error::unsupported,
                    !madt   ? "there is no ACPI table APIC (MADT)"
                    : !gtdt ? "there is no ACPI table GTDT"
                            : "there is no ACPI table FACP (FADT)");
    }
    auto result = arm64::acpi::parse_cpus(*madt, platform);
    result = result ? arm64::acpi::parse_gic(*madt, platform) : result;
    result = result ? arm64::acpi::parse_timer(*gtdt, platform) : result;
    return result ? arm64::acpi::parse_psci(*fadt, platform) : result;
}

} // namespace baton
