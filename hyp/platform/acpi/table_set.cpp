// SPDX-License-Identifier: BSD-2-Clause
#include "hyp/platform/acpi/table_set.hpp"

#include "hyp/platform/parse/parse.hpp"

namespace baton::acpi {

namespace {

constexpr u64 largest_table = 1 * MiB;

class TableReader {
  public:
    TableReader(PhysicalMemory memory, Platform& platform)
        : memory_{memory, platform.ram}, platform_{platform}, tables_{*platform.tables} {}

    Result<> run() {
        const auto& configuration = tables_.firmware.configuration;
        auto pointer = configuration.find(efi::guid::acpi_2_0);
        if (!pointer) {
            pointer = configuration.find(efi::guid::acpi_1_0);
        }
        if (!pointer) {
            return fail(platform_, Error::unsupported,
                        "the firmware passes neither a DTB of the machine nor ACPI tables");
        }
        const auto root = find_root({*pointer});
        return root ? read_root(*root) : std::unexpected(root.error());
    }

  private:
    struct Root {
        PhysAddr address;
        bool is_xsdt;
    };

    /// ACPI Specification 6.5, 5.2.5.3. Of both root tables the XSDT counts.
    Result<Root> find_root(PhysAddr at) {
        const auto head = memory_.read(at, rsdp_size_1_0);
        if (!head) {
            return fail(platform_, Error::unsupported,
                        "the ACPI tables are not in what the EFI memory map says is memory");
        }
        Rsdp rsdp{};
        std::memcpy(&rsdp, head->data(), head->size());
        bool is_right =
            std::string_view{rsdp.signature.data(), rsdp.signature.size()} == "RSD PTR " &&
            checksum_is_right(*head);
        if (is_right && rsdp.revision >= 2) {
            const auto all = memory_.read(at, sizeof(Rsdp));
            is_right = all && checksum_is_right(*all);
            rsdp = is_right ? *read_at<Rsdp>(*all) : rsdp;
        }
        if (!is_right) {
            return fail(platform_, Error::bad_dtb, "the ACPI root pointer is damaged");
        }
        const bool is_xsdt = rsdp.revision >= 2 && rsdp.xsdt != 0;
        return Root{{is_xsdt ? rsdp.xsdt : u64{rsdp.rsdt}}, is_xsdt};
    }

    Result<> read_root(Root root) {
        const auto header = memory_.read<TableHeader>(root.address);
        const auto bytes = header ? whole(root.address, *header) : std::nullopt;
        if (!bytes || !is(header->signature, root.is_xsdt ? "XSDT" : "RSDT")) {
            return fail(platform_, Error::bad_dtb,
                        "the ACPI root table is damaged, or not in memory");
        }
        if (!checksum_is_right(*bytes)) {
            note(platform_, "the checksum of the ACPI root table is wrong");
        }
        tables_.firmware.xsdt = *header;
        const usize entry_size = root.is_xsdt ? sizeof(u64) : sizeof(u32);
        for (usize at = root_entries_offset; holds(*bytes, at, entry_size); at += entry_size) {
            const u64 address =
                root.is_xsdt ? *read_at<u64>(*bytes, at) : u64{*read_at<u32>(*bytes, at)};
            if (address == 0) {
                continue; // firmware leaves such ones, and no kernel minds
            }
            if (auto done = add({address}); !done) {
                return done;
            }
        }
        tables_.firmware.acpi_tables = {tables_.acpi.data(), tables_.acpi.size()};
        return {};
    }

    /// All of a table, if its length is one.
    std::optional<Bytes> whole(PhysAddr address, const TableHeader& header) const {
        return header.length >= sizeof(TableHeader) && header.length <= largest_table
                   ? memory_.read(address, header.length)
                   : std::nullopt;
    }

    Result<> add(PhysAddr address) {
        const auto header = memory_.read<TableHeader>(address);
        const bool is_code = header && is(header->signature, "SSDT");
        const auto bytes = is_code  ? memory_.read(address, sizeof(TableHeader))
                           : header ? whole(address, *header)
                                    : std::nullopt;
        if (!bytes) {
            note(platform_, "an ACPI table is not in memory, or has a length that it cannot have");
            return {};
        }
        if (!is_code && !checksum_is_right(*bytes)) {
            note(platform_, "the checksum of an ACPI table is wrong");
        }
        return tables_.acpi.push({address, *bytes})
                   ? Result<>{}
                   : fail(platform_, Error::too_many, "more than 256 ACPI tables");
    }

    MemoryIn<decltype(Platform::ram)> memory_;
    Platform& platform_;
    FirmwareTables& tables_;
};

} // namespace

Result<> read_tables(PhysicalMemory memory, Platform& platform) {
    return TableReader{memory, platform}.run();
}

std::optional<Bytes> find_table(const Platform& platform, std::string_view signature) {
    for (const efi::AcpiTable& table : platform.tables->acpi) {
        if (is(*read_at<Signature>(table.bytes), signature)) {
            return table.bytes;
        }
    }
    return std::nullopt;
}

} // namespace baton::acpi
