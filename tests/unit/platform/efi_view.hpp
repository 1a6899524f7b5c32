// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/platform/efi/view.hpp"
#include "tests/unit/platform/acpi_machine.hpp"
#include "tests/unit/platform/dtb.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

/// Views that are built for kernels, and a reading of them that starts at the DTB, as a kernel's
/// does.
namespace baton::test {

/// A machine of ACPI with all that the description of it refers to.
struct EfiMachine {
    AcpiMachine firmware;
    std::unique_ptr<FullPlatform> platform = std::make_unique<FullPlatform>();

    explicit EfiMachine(const std::string& name)
        : firmware{AcpiMachine::load(std::string(UNIT_DATA) + "/" + name + ".acpi")} {
        parse();
    }
    void parse() {
        platform = std::make_unique<FullPlatform>();
        const auto result = firmware.parse(*platform);
        INFO(std::string(platform->fault));
        REQUIRE(result);
    }
    efi::Firmware& tables() { return platform->tables->firmware; }
    std::vector<PhysRange> ram() const { return {platform->ram.begin(), platform->ram.end()}; }
};

/// The sum of all bytes, which in ACPI's tables is 0.
inline u8 sum_of(Bytes bytes) {
    u8 sum = 0;
    for (const std::byte byte : bytes) {
        sum = static_cast<u8>(sum + std::to_integer<u8>(byte));
    }
    return sum;
}

struct EfiView {
    PhysAddr where{0x6000'0000};
    std::vector<std::byte> bytes = std::vector<std::byte>(2 * MiB, std::byte{0xa5});
    GuestDescription fields;

    /// Of a view that has been built.
    Bytes at(u64 address, usize size) const {
        REQUIRE(address >= where.value);
        const auto piece = slice(bytes, address - where.value, size);
        REQUIRE(piece);
        return *piece;
    }
    template <class T>
    T read(u64 address) const {
        return *read_at<T>(at(address, sizeof(T)));
    }
    bool has(u64 address) const { return address - where.value < fields.size; }
    PhysRange range() const { return {where, fields.size}; }

    Fdt fdt() const {
        const auto opened = Fdt::open(Bytes(bytes).subspan(fields.dtb));
        REQUIRE(opened);
        return *opened;
    }
    FdtNode chosen() const {
        const auto node = fdt().find("/chosen");
        REQUIRE(node);
        return *node;
    }
    u64 number(std::string_view property) const {
        const Bytes value = chosen().get(property).value_or(Bytes{});
        const auto number = CellReader{value}.take(static_cast<u32>(value.size() / 4));
        REQUIRE_MESSAGE(number, std::string(property));
        return *number;
    }

    efi::SystemTable system_table() const {
        return read<efi::SystemTable>(number("linux,uefi-system-table"));
    }
    std::vector<efi::ConfigurationEntry> configuration() const {
        std::vector<efi::ConfigurationEntry> entries;
        const efi::SystemTable table = system_table();
        for (u64 i = 0; i < table.configuration_entries; i++) {
            entries.push_back(read<efi::ConfigurationEntry>(table.configuration_table + 24 * i));
        }
        return entries;
    }
    /// The addresses that stand with it.
    std::vector<u64> configured(const efi::Guid& vendor) const {
        std::vector<u64> found;
        for (const efi::ConfigurationEntry& entry : configuration()) {
            if (entry.vendor == vendor) {
                found.push_back(entry.table);
            }
        }
        return found;
    }
    u64 configured_once(const efi::Guid& vendor) const {
        const auto found = configured(vendor);
        REQUIRE(found.size() == 1);
        return found[0];
    }

    std::vector<efi::MemoryDescriptor> map() const {
        std::vector<efi::MemoryDescriptor> all;
        const u64 begin = number("linux,uefi-mmap-start");
        const u64 step = number("linux,uefi-mmap-desc-size");
        for (u64 at = 0; at < number("linux,uefi-mmap-size"); at += step) {
            all.push_back(read<efi::MemoryDescriptor>(begin + at));
        }
        return all;
    }
    efi::MemoryDescriptor descriptor_of(u64 address) const {
        for (const efi::MemoryDescriptor& each : map()) {
            if (each.range()->contains(PhysAddr{address})) {
                return each;
            }
        }
        FAIL("not in the map: " << address);
        return {};
    }

    Bytes root_pointer() const { return at(configured_once(efi::guid::acpi_2_0), 36); }
    Bytes table_at(u64 address) const {
        const auto header = read<acpi::TableHeader>(address);
        return at(address, header.length);
    }
    Bytes root_table() const { return table_at(read_at<acpi::Rsdp>(root_pointer())->xsdt); }
    std::vector<u64> tables() const {
        std::vector<u64> addresses;
        const Bytes root = root_table();
        for (usize offset = acpi::root_entries_offset; offset < root.size(); offset += 8) {
            addresses.push_back(*read_at<u64>(root, offset));
        }
        return addresses;
    }
    /// One that is the view's own. Empty: it has none.
    Bytes own_table(std::string_view signature) const {
        Bytes found;
        for (const u64 address : tables()) {
            if (has(address) && acpi::is(read<acpi::Signature>(address), signature)) {
                REQUIRE(found.empty());
                found = table_at(address);
            }
        }
        return found;
    }

    struct Cpu {
        u64 mpidr;
        u32 flags;
        std::vector<std::byte> entry;
    };
    std::vector<Cpu> cpus() const {
        std::vector<Cpu> found;
        for_each_entry([&](u8 type, Bytes entry) {
            if (type == 0x0b) {
                found.push_back({*read_at<u64>(entry, 68),
                                 *read_at<u32>(entry, 12),
                                 {entry.begin(), entry.end()}});
            }
        });
        return found;
    }
    u32 entries_of(u8 wanted) const {
        u32 count = 0;
        for_each_entry([&](u8 type, Bytes) { count += type == wanted; });
        return count;
    }

    /// What a kernel is to leave alone, by the list that Linux walks at boot.
    std::vector<PhysRange> memreserve() const {
        std::vector<PhysRange> found;
        for (u64 block = configured_once(efi::guid::memreserve); block != 0;) {
            const auto head = read<efi::MemreserveBlock>(block);
            CHECK(head.count <= head.capacity);
            // It maps a page, and no more.
            CHECK(block % page_size + 16 + u64{16} * head.capacity <= page_size);
            for (u32 i = 0; i < head.count; i++) {
                const auto entry = read<efi::MemreserveEntry>(block + 16 + u64{16} * i);
                if (entry.size != 0) {
                    found.push_back({{entry.base}, entry.size});
                }
            }
            block = head.next;
        }
        return found;
    }

    /// What no view may be without.
    void check() const {
        CHECK(fields.form == GuestDescription::Form::efi);
        CHECK(fields.size % efi::view_alignment == 0);
        CHECK(sum_of(root_pointer().first(20)) == 0);
        CHECK(sum_of(root_pointer()) == 0);
        CHECK(sum_of(root_table()) == 0);
        for (const u64 address : tables()) {
            if (has(address)) {
                CHECK(sum_of(table_at(address)) == 0);
            }
        }
        u64 end = 0;
        for (const efi::MemoryDescriptor& each : map()) {
            const auto range = each.range();
            REQUIRE(range);
            CHECK(range->begin.value >= end);
            end = range->end().value;
            CHECK(each.virtual_start ==
                  (each.has(efi::memory_attribute::runtime) ? each.physical_start : 0));
        }
        // Every kernel reserves what is of this type, and maps it.
        const auto around = descriptor_of(where.value);
        CHECK(around.type == efi::memory_type::acpi_reclaim);
        CHECK(around.range()->contains(range()));
    }

  private:
    template <class Visitor>
    void for_each_entry(Visitor visit) const {
        const Bytes madt = own_table("APIC");
        for (usize offset = 44; offset < madt.size();) {
            const auto length = *read_at<u8>(madt, offset + 1);
            REQUIRE(length >= 2);
            REQUIRE(holds(madt, offset, length));
            visit(*read_at<u8>(madt, offset), madt.subspan(offset, length));
            offset += length;
        }
    }
};

inline EfiView view_of(EfiMachine& machine, const GuestRequest& request,
                       PhysAddr where = EfiView{}.where) {
    EfiView view;
    view.where = where;
    REQUIRE(efi::build_view(machine.tables(), *machine.platform, request, view.bytes, where,
                            view.fields));
    REQUIRE(view.fields.size <= view.bytes.size());
    view.bytes.resize(view.fields.size); // The address sanitizer sees a read past the end.
    view.bytes.shrink_to_fit();
    view.check();
    return view;
}

} // namespace baton::test
