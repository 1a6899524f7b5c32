// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "arch/arm64/platform/acpi/tables.hpp"
#include "arch/arm64/platform/arch_platform.hpp"
#include "hyp/platform/acpi/parse_acpi.hpp"
#include "hyp/platform/acpi/tables.hpp"
#include "hyp/platform/efi/memory_map.hpp"
#include "hyp/platform/efi/system_table.hpp"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <libfdt.h>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace baton::test {

/// A machine that its EFI firmware describes by ACPI's tables: memory with a few blocks in it, and
/// the small DTB that leads to them. Needs no test framework: the fuzz target has it, too.
class AcpiMachine {
  public:
    using Buffer = std::vector<std::byte>;

    static constexpr u64 map_at = 0x7b00'0000;
    static constexpr u64 system_table_at = 0x7b10'0008; ///< firmware aligns it to 8
    static constexpr u64 configuration_at = 0x7b11'0018;
    static constexpr u32 descriptor_size = 48; ///< EDK2's
    static constexpr PhysAddr end{u64{1} << 40};

    /// As QEMU and EDK2 make it.
    /// @param name of a file that tools/lib/acpi_tables.py made
    static AcpiMachine load(const std::string& path) {
        std::ifstream file(path, std::ios::binary);
        const std::string all{std::istreambuf_iterator<char>(file), {}};
        if (all.size() < 16) {
            std::fprintf(stderr, "no tables in %s\n", path.c_str());
            std::abort();
        }
        u64 base = 0;
        u64 rsdp = 0;
        std::memcpy(&base, all.data(), sizeof(base));
        std::memcpy(&rsdp, all.data() + sizeof(base), sizeof(rsdp));
        const auto* const begin = reinterpret_cast<const std::byte*>(all.data());
        return AcpiMachine{base, rsdp, Buffer{begin + 16, begin + all.size()}};
    }

    AcpiMachine(u64 base, u64 rsdp, Buffer tables) : tables_at_{base}, rsdp_at_{rsdp} {
        blocks_[base] = std::move(tables);
        set_map(default_map());
        set_configuration({{efi::guid::acpi_2_0, rsdp}, {efi::guid::smbios3, 0x7b12'0000}});
        set_bootargs("baton.slot=64M");
    }

    // --- the blocks ------------------------------------------------------------------------------

    void set_map(const std::vector<efi::MemoryDescriptor>& map) {
        Buffer bytes(map.size() * descriptor_size);
        for (usize i = 0; i < map.size(); i++) {
            std::memcpy(bytes.data() + i * descriptor_size, &map[i], sizeof(map[i]));
        }
        blocks_[map_at] = std::move(bytes);
        build_dtb();
    }
    void set_configuration(const std::vector<efi::ConfigurationEntry>& entries) {
        Buffer bytes(entries.size() * sizeof(entries[0]));
        std::memcpy(bytes.data(), entries.data(), bytes.size());
        blocks_[configuration_at] = std::move(bytes);
        efi::SystemTable table{};
        table.header.signature = efi::system_table_signature;
        table.header.revision = 2 << 16 | 70;
        table.header.header_size = sizeof(table);
        table.configuration_entries = entries.size();
        table.configuration_table = configuration_at;
        set_system_table(table);
    }
    void set_system_table(const efi::SystemTable& table) { put(system_table_at, table); }
    void set_bootargs(std::string bootargs) {
        bootargs_ = std::move(bootargs);
        build_dtb();
    }
    template <class T>
    void put(u64 address, const T& value) {
        const auto* const begin = reinterpret_cast<const std::byte*>(&value);
        blocks_[address] = Buffer{begin, begin + sizeof(value)};
    }
    void put(u64 address, Buffer bytes) { blocks_[address] = std::move(bytes); }

    std::map<u64, Buffer>& blocks() { return blocks_; }
    Buffer& dtb() { return dtb_; }
    u64 rsdp() const { return rsdp_at_; }

    /// A table where it lies, to be changed. Empty if the root table does not list it.
    std::span<std::byte> table(std::string_view signature) {
        const auto root = root_table();
        for (usize at = acpi::root_entries_offset; at + 8 <= root.size(); at += 8) {
            const auto bytes = table_at(*read_at<u64>(root, at));
            if (acpi::is(read_at<acpi::TableHeader>(bytes)->signature, signature)) {
                return bytes;
            }
        }
        return {};
    }
    std::span<std::byte> root_pointer() {
        return std::span{blocks_[tables_at_]}.subspan(rsdp_at_ - tables_at_, sizeof(acpi::Rsdp));
    }
    std::span<std::byte> root_table() {
        return table_at(read_at<acpi::Rsdp>(root_pointer())->xsdt);
    }
    static void sum_up(std::span<std::byte> table) {
        acpi::set_checksum(table, offsetof(acpi::TableHeader, checksum));
    }
    /// Puts another in its place.
    void replace(std::string_view signature, Buffer bytes) {
        static constexpr u64 elsewhere = 0x7c80'0000;
        const auto root = root_table();
        for (usize at = acpi::root_entries_offset; at + 8 <= root.size(); at += 8) {
            if (acpi::is(read_at<acpi::TableHeader>(table_at(*read_at<u64>(root, at)))->signature,
                         signature)) {
                (void)write_at(root, at, elsewhere);
            }
        }
        sum_up(root);
        (void)write_at(std::span{bytes}, offsetof(acpi::TableHeader, length),
                       static_cast<u32>(bytes.size()));
        sum_up(bytes);
        blocks_[elsewhere] = std::move(bytes);
    }

    // --- reading ---------------------------------------------------------------------------------

    /// Like Baton, which maps what it reads.
    std::optional<Bytes> read(PhysRange range) {
        for (const auto& [at, bytes] : blocks_) {
            const u64 offset = range.begin.value - at;
            if (range.begin.value >= at && holds(bytes, offset, range.size)) {
                // A copy of the exact size: the address sanitizer sees a read past the end.
                const auto first = bytes.begin() + static_cast<std::ptrdiff_t>(offset);
                copies_.push_back(std::make_unique<Buffer>(
                    first, first + static_cast<std::ptrdiff_t>(range.size)));
                return Bytes{*copies_.back()};
            }
        }
        return std::nullopt;
    }
    Result<> parse(Platform& platform, PhysAddr last = end) {
        copies_.clear();
        auto map = [this](PhysRange range) { return read(range); };
        return read_machine(dtb_, PhysicalMemory{map}, last, platform);
    }

    /// EDK2's on QEMU's virt machine with 1 GiB, in short; in no order.
    static std::vector<efi::MemoryDescriptor> default_map() {
        using namespace efi;
        constexpr u64 cached = memory_attribute::uncacheable | memory_attribute::write_combining |
                               memory_attribute::write_through | memory_attribute::write_back;
        constexpr u64 runtime = cached | memory_attribute::runtime;
        const auto region = [](MemoryType type, u64 begin, u64 last, u64 attribute) {
            return MemoryDescriptor{type, 0, begin, 0, (last - begin) / page_size, attribute};
        };
        return {
            region(memory_type::conventional, 0x4000'0000, 0x7000'0000, cached),
            region(memory_type::boot_services_data, 0x7000'0000, 0x7b00'0000, cached),
            region(memory_type::runtime_services_data, 0x7b10'0000, 0x7b20'0000, runtime),
            region(memory_type::loader_data, 0x7b00'0000, 0x7b10'0000, cached),
            region(memory_type::runtime_services_code, 0x7b20'0000, 0x7b40'0000, runtime),
            region(memory_type::reserved, 0x7b40'0000, 0x7b50'0000, cached),
            region(memory_type::boot_services_code, 0x7b50'0000, 0x7c00'0000, cached),
            region(memory_type::acpi_reclaim, 0x7c00'0000, 0x7d00'0000, cached),
            region(memory_type::acpi_nvs, 0x7d00'0000, 0x7d10'0000, cached),
            region(memory_type::conventional, 0x7d10'0000, 0x8000'0000, cached),
            region(memory_type::mmio, 0x0400'0000, 0x0800'0000,
                   memory_attribute::uncacheable | memory_attribute::runtime),
        };
    }

  private:
    std::span<std::byte> table_at(u64 address) {
        const auto& [at, bytes] = *std::prev(blocks_.upper_bound(address));
        const auto rest = std::span{blocks_[at]}.subspan(address - at);
        return rest.first(read_at<acpi::TableHeader>(rest)->length);
    }

    void build_dtb() {
        const auto map_size = static_cast<u32>(blocks_[map_at].size());
        dtb_.assign(4096, std::byte{0});
        void* const fdt = dtb_.data();
        int bad = fdt_create_empty_tree(fdt, static_cast<int>(dtb_.size()));
        bad |= fdt_setprop_u32(fdt, 0, "#address-cells", 2);
        bad |= fdt_setprop_u32(fdt, 0, "#size-cells", 2);
        const int chosen = fdt_add_subnode(fdt, 0, "chosen");
        bad |= fdt_setprop_string(fdt, chosen, "bootargs", bootargs_.c_str());
        bad |= fdt_setprop_u64(fdt, chosen, "linux,uefi-system-table", system_table_at);
        bad |= fdt_setprop_u64(fdt, chosen, "linux,uefi-mmap-start", map_at);
        bad |= fdt_setprop_u32(fdt, chosen, "linux,uefi-mmap-size", map_size);
        bad |= fdt_setprop_u32(fdt, chosen, "linux,uefi-mmap-desc-size", descriptor_size);
        bad |= fdt_setprop_u32(fdt, chosen, "linux,uefi-mmap-desc-ver", 1);
        bad |= fdt_setprop_u32(fdt, chosen, "linux,uefi-secure-boot", 2);
        const int kernel = fdt_add_subnode(fdt, chosen, "module@48000000");
        static constexpr char kinds[] = "multiboot,kernel\0multiboot,module";
        bad |= fdt_setprop(fdt, kernel, "compatible", kinds, sizeof(kinds));
        bad |= fdt_setprop_string(fdt, kernel, "bootargs", "console=ttyAMA0");
        bad |= fdt_appendprop_u64(fdt, kernel, "reg", 0x4800'0000);
        bad |= fdt_appendprop_u64(fdt, kernel, "reg", 0x0200'0000);
        bad |= fdt_pack(fdt);
        if (bad != 0) {
            std::abort();
        }
        dtb_.resize(fdt_totalsize(fdt));
        dtb_.shrink_to_fit();
    }

    u64 tables_at_;
    u64 rsdp_at_;
    std::string bootargs_;
    std::map<u64, Buffer> blocks_;
    Buffer dtb_;
    std::vector<std::unique_ptr<Buffer>> copies_;
};

} // namespace baton::test
