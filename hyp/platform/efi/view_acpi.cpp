// SPDX-License-Identifier: BSD-2-Clause
#include "hyp/platform/efi/view_builder.hpp"

#include <algorithm>
#include <cstddef>

/// The tables of ACPI that a view has of its own.
namespace baton::efi {

namespace {

constexpr usize table_alignment = 16;
constexpr std::string_view madt_signature = "APIC";
constexpr std::string_view fadt_signature = "FACP";

/// ACPI 6.5, 5.2.6: length and checksum of a table that is otherwise finished.
void seal(std::span<std::byte> table) {
    (void)write_at(table, offsetof(acpi::TableHeader, length), static_cast<u32>(table.size()));
    acpi::set_checksum(table, offsetof(acpi::TableHeader, checksum));
}

acpi::Signature signature_of(const AcpiTable& table) {
    return read_at<acpi::Signature>(table.bytes).value_or(acpi::Signature{});
}

} // namespace

const AcpiTable* ViewBuilder::find(std::string_view signature) const {
    const auto found = std::ranges::find_if(firmware_.acpi_tables, [&](const AcpiTable& table) {
        return acpi::is(signature_of(table), signature);
    });
    return found != firmware_.acpi_tables.end() ? &*found : nullptr;
}

Result<> ViewBuilder::write_acpi() {
    const AcpiTable* madt = find(madt_signature);
    if (madt == nullptr || madt->bytes.size() < sizeof(acpi::Madt)) {
        return std::unexpected(Error::unsupported);
    }
    write_madt(*madt);
    if (const AcpiTable* fadt = find(fadt_signature); fadt != nullptr && !request_.for_host) {
        write_fadt(*fadt);
    }
    write_xsdt();
    return {};
}

void ViewBuilder::write_madt(const AcpiTable& firmware) {
    const auto place = take(firmware.bytes.size(), table_alignment);
    if (place.empty()) {
        return;
    }
    madt_ = address_of(place);
    result_.madt = offset_of(place);
    std::ranges::copy(firmware.bytes.first(sizeof(acpi::Madt)), place.begin());
    const usize size = copy_madt_entries(firmware.bytes, place);
    seal(place.first(size));
}

/// Returns the size of the table.
usize ViewBuilder::copy_madt_entries(Bytes firmware, std::span<std::byte> place) {
    usize size = sizeof(acpi::Madt);
    acpi::for_each_madt_entry(firmware, [&](u8 type, Bytes bytes) {
        const arch::MadtPart part = arch::read_madt_part(type, bytes);
        if (request_.for_host || keeps_madt_entry(part)) {
            const auto entry = place.subspan(size, bytes.size());
            std::ranges::copy(bytes, entry.begin());
            take_part(part, entry);
            size += entry.size();
        }
        return true;
    });
    return size;
}

bool ViewBuilder::keeps_madt_entry(const arch::MadtPart& part) const {
    switch (part.kind) {
    case arch::MadtPart::Kind::hypervisors_only:
        return false;
    case arch::MadtPart::Kind::message_controller:
        return request_.division == nullptr ||
               request_.division->vm(request_.vm).has_message_controllers;
    default:
        return true;
    }
}

/// An entry that the kernel gets: remembers where it is, or disables a CPU of somebody else's.
void ViewBuilder::take_part(const arch::MadtPart& part, std::span<std::byte> entry) {
    if (part.kind == arch::MadtPart::Kind::message_controller) {
        (void)result_.message_controller_status.push(offset_of(entry)); // As many as Platform has.
        return;
    }
    if (part.kind != arch::MadtPart::Kind::cpu) {
        return;
    }
    if (!request_.for_host) {
        arch::take_out_virtualization(entry);
    }
    const auto number = number_of(part.firmware_id);
    if (number && result_.cpu_status[*number] == 0) {
        result_.cpu_status[*number] = offset_of(entry) + part.flags;
        result_.cpu_count++;
    } else if (!request_.for_host) {
        (void)write_at(entry, part.flags, u32{0});
    }
}

/// By which the kernel's CPU goes in GuestDescription.
std::optional<u32> ViewBuilder::number_of(u64 firmware_id) const {
    const auto cpu = find_cpu(platform_, firmware_id);
    if (!cpu) {
        return std::nullopt;
    }
    if (request_.for_host || request_.division == nullptr) {
        return index(*cpu);
    }
    const auto& cpus = request_.division->vm(request_.vm).cpus;
    const auto* const own = std::ranges::find(cpus, *cpu);
    return own != cpus.end() ? std::optional{static_cast<u32>(own - cpus.begin())} : std::nullopt;
}

void ViewBuilder::write_fadt(const AcpiTable& firmware) {
    constexpr usize offset = offsetof(acpi::Fadt, arm_boot_architecture);
    const auto flags = read_at<u16>(firmware.bytes, offset);
    if (!flags || arch::boot_architecture_for_guest(*flags) == *flags) {
        return;
    }
    const auto place = take(firmware.bytes.size(), table_alignment);
    if (place.empty()) {
        return;
    }
    std::ranges::copy(firmware.bytes, place.begin());
    (void)write_at(place, offset, arch::boot_architecture_for_guest(*flags));
    seal(place);
    fadt_ = address_of(place);
}

/// Where a table of the firmware's is for the kernel. Nothing: it has none.
std::optional<PhysAddr> ViewBuilder::place_of(const AcpiTable& table) const {
    const acpi::Signature signature = signature_of(table);
    if (acpi::is(signature, madt_signature)) {
        return &table == find(madt_signature) ? std::optional{madt_} : std::nullopt;
    }
    if (acpi::is(signature, fadt_signature) && fadt_) {
        return &table == find(fadt_signature) ? fadt_ : std::nullopt;
    }
    // Its picture is in memory of boot services.
    if (acpi::is(signature, "BGRT") || (!request_.for_host && arch::hides_table(table.bytes))) {
        return std::nullopt;
    }
    return table.address;
}

void ViewBuilder::write_xsdt() {
    const auto place = take(acpi::root_entries_offset + firmware_.acpi_tables.size() * sizeof(u64),
                            table_alignment);
    if (place.empty()) {
        return;
    }
    acpi::TableHeader header = firmware_.xsdt;
    header.signature = {'X', 'S', 'D', 'T'};
    header.revision = 1;
    (void)write_at(place, 0, header);
    usize size = acpi::root_entries_offset;
    for (const AcpiTable& table : firmware_.acpi_tables) {
        if (const auto address = place_of(table)) {
            (void)write_at(place, size, address->value);
            size += sizeof(u64);
        }
    }
    seal(place.first(size));
    write_rsdp(address_of(place));
}

/// ACPI 6.5, 5.2.5.3.
void ViewBuilder::write_rsdp(PhysAddr xsdt) {
    const auto place = take(sizeof(acpi::Rsdp), table_alignment);
    if (place.empty()) {
        return;
    }
    (void)write_at(place, 0,
                   acpi::Rsdp{.signature = {'R', 'S', 'D', ' ', 'P', 'T', 'R', ' '},
                              .checksum = 0,
                              .oem_id = firmware_.xsdt.oem_id,
                              .revision = 2,
                              .rsdt = 0,
                              .length = sizeof(acpi::Rsdp),
                              .xsdt = xsdt.value,
                              .extended_checksum = 0,
                              .reserved = {}});
    acpi::set_checksum(place.first(acpi::rsdp_size_1_0), offsetof(acpi::Rsdp, checksum));
    acpi::set_checksum(place, offsetof(acpi::Rsdp, extended_checksum));
    rsdp_ = address_of(place);
}

} // namespace baton::efi
