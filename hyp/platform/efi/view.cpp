// SPDX-License-Identifier: BSD-2-Clause
#include "hyp/platform/efi/view.hpp"

#include "hyp/crypto/sha256.hpp"
#include "hyp/platform/efi/crc32.hpp"
#include "hyp/platform/efi/view_builder.hpp"
#include "hyp/platform/guest/guest_chosen.hpp"
#include "hyp/platform/guest/guest_dtb.hpp"

#include <algorithm>
#include <cstring>

namespace baton::efi {

namespace {

/// Is the entry for no kernel but the first, or of something that the view has of its own?
bool is_left_out(const Guid& vendor) {
    constexpr std::array all{guid::acpi_2_0, guid::acpi_1_0,   guid::dtb,
                             guid::rng_seed, guid::memreserve, guid::initrd_media};
    return std::ranges::find(all, vendor) != all.end();
}

/// Another than that in /chosen, and none can be told from the other.
Sha256::Digest derive_seed(std::span<const std::byte> seed) {
    constexpr std::array label{std::byte{'E'}, std::byte{'F'}, std::byte{'I'}};
    Sha256 hash;
    hash.update(label);
    hash.update(seed);
    return hash.finish();
}

/// Moves the first `count` descriptors apart, to one every `step` bytes, as far as the firmware's
/// own are: its table of memory attributes has that distance, too, and Linux compares them
/// (drivers/firmware/efi/memattr.c).
void spread(std::span<std::byte> room, usize count, usize step) {
    constexpr usize size = sizeof(MemoryDescriptor);
    for (usize i = count; i-- > 0;) {
        std::memmove(&room[i * step], &room[i * size], size);
        std::ranges::fill(room.subspan(i * step + size, step - size), std::byte{0});
    }
}

} // namespace

Result<> ViewBuilder::run() {
    if (!where_.is_aligned(view_alignment)) {
        return std::unexpected(Error::bad_range);
    }
    if (request_.spin_table) {
        return std::unexpected(Error::unsupported);
    }
    result_.form = GuestDescription::Form::efi;
    result_.cpu_count = 0;
    result_.cpu_status = {};
    result_.message_controller_status.clear();
    write_memreserve();
    if (auto written = write_acpi(); !written) {
        return written;
    }
    write_seed();
    write_system_table();
    if (is_full_) {
        return std::unexpected(Error::no_room);
    }
    if (auto written = write_dtb(); !written) {
        return written;
    }
    return write_map();
}

std::span<std::byte> ViewBuilder::take(usize size, usize alignment) {
    const usize begin = align_up(used_, alignment);
    if (is_full_ || !holds(buffer_, begin, size)) {
        is_full_ = true;
        return {};
    }
    std::ranges::fill(buffer_.subspan(used_, begin + size - used_), std::byte{0});
    used_ = begin + size;
    return buffer_.subspan(begin, size);
}

/// Blocks that are full: Linux puts what it adds into a block of its own, before them. An entry of
/// size 0 reserves nothing. What kernels before Baton listed is no kernel's in the map.
void ViewBuilder::write_memreserve() {
    const usize count = request_.spare_reservations;
    const usize blocks =
        std::max<usize>(1, (count + memreserve_block_entries - 1) / memreserve_block_entries);
    const auto place = take(blocks * page_size, page_size);
    if (place.empty()) {
        return;
    }
    memreserve_ = address_of(place);
    result_.spare_reservations = offset_of(place) + sizeof(MemreserveBlock);
    for (usize i = 0; i < blocks; i++) {
        const auto entries = static_cast<u32>(
            std::min(count - i * memreserve_block_entries, memreserve_block_entries));
        const u64 next = i + 1 < blocks ? (memreserve_ + (i + 1) * page_size).value : 0;
        (void)write_at(place, i * page_size,
                       MemreserveBlock{.capacity = entries, .count = entries, .next = next});
    }
}

void ViewBuilder::write_seed() {
    if (request_.seed.size() <= kaslr_seed_size) {
        return;
    }
    const Sha256::Digest seed = derive_seed(request_.seed);
    const auto place = take(sizeof(RngSeed) + seed.size(), 8);
    if (!place.empty()) {
        (void)write_at(place, 0, RngSeed{.size = static_cast<u32>(seed.size())});
        (void)write_at(place, sizeof(RngSeed), seed);
        seed_ = address_of(place);
    }
}

void ViewBuilder::write_system_table() {
    constexpr usize most_added = 4;
    const auto entries =
        take((firmware_.configuration.size() + most_added) * sizeof(ConfigurationEntry), 8);
    const auto place = take(sizeof(SystemTable), 8);
    if (place.empty()) {
        return;
    }
    SystemTable table = firmware_.system_table;
    table.console_in_handle = table.console_in = 0;
    table.console_out_handle = table.console_out = 0;
    table.standard_error_handle = table.standard_error = 0;
    table.boot_services = 0;
    table.configuration_entries = write_configuration(entries);
    table.configuration_table = address_of(entries).value;
    table.header.header_size = sizeof(SystemTable);
    table.header.crc32 = 0;
    table.header.crc32 = crc32(std::as_bytes(std::span{&table, 1}));
    (void)write_at(place, 0, table);
    system_table_ = address_of(place);
}

/// Returns the number of entries.
usize ViewBuilder::write_configuration(std::span<std::byte> place) {
    usize count = 0;
    const auto add = [&](const Guid& vendor, u64 table) {
        if (write_at(place, count * sizeof(ConfigurationEntry),
                     ConfigurationEntry{.vendor = vendor, .table = table})) {
            count++;
        }
    };
    const ConfigurationTable& firmware = firmware_.configuration;
    add(guid::acpi_2_0, rsdp_.value);
    if (firmware.find(guid::acpi_1_0)) {
        add(guid::acpi_1_0, rsdp_.value);
    }
    for (usize i = 0; i < firmware.size(); i++) {
        if (const ConfigurationEntry entry = firmware[i]; !is_left_out(entry.vendor)) {
            add(entry.vendor, entry.table);
        }
    }
    add(guid::memreserve, memreserve_.value);
    if (seed_) {
        add(guid::rng_seed, seed_->value);
    }
    return count;
}

Result<> ViewBuilder::write_dtb() {
    constexpr usize fdt_alignment = 8;
    (void)take(0, fdt_alignment);
    const auto room = buffer_.subspan(used_);
    FdtWriter writer{room.first(std::min<usize>(room.size(), max_dtb_size))};
    writer.begin_tree(0);
    writer.begin_node("");
    constexpr CellCounts cells{.address = 2, .size = 2};
    writer.cells("#address-cells", 1, cells.address);
    writer.cells("#size-cells", 1, cells.size);
    writer.begin_node("chosen");
    if (!request_.modules.empty()) {
        writer.cells("#address-cells", 1, cells.address);
        writer.cells("#size-cells", 1, cells.size);
    }
    write_chosen(writer, request_);
    write_uefi_properties(writer);
    write_modules(writer, cells, request_.modules);
    writer.end_node();
    writer.end_node();
    const auto size = writer.finish();
    if (!size) {
        return std::unexpected(size.error());
    }
    result_.dtb = offset_of(room);
    used_ += *size;
    return {};
}

/// Linux: drivers/firmware/efi/fdtparams.c. Distributions' kernels want to know of secure boot,
/// too, or leave all of it alone.
void ViewBuilder::write_uefi_properties(FdtWriter& writer) {
    writer.cells("linux,uefi-system-table", 2, system_table_.value);
    map_address_ = writer.property("linux,uefi-mmap-start", sizeof(u64));
    map_size_ = writer.property("linux,uefi-mmap-size", sizeof(u32));
    writer.cells("linux,uefi-mmap-desc-size", 1, firmware_.memory_map.descriptor_size());
    writer.cells("linux,uefi-mmap-desc-ver", 1, memory_descriptor_version);
    writer.cells("linux,uefi-secure-boot", 1, firmware_.secure_boot);
}

/// It names the view, so its room is set apart before it is known how much of it is needed.
Result<> ViewBuilder::write_map() {
    GuestMapRequest request{.has_all = request_.for_host,
                            .memory = request_.memory,
                            .reserved = request_.reserved,
                            .kept = {platform_.reserved.begin(), platform_.reserved.end()},
                            .esrt = firmware_.esrt};
    const usize most = most_descriptors(firmware_.memory_map, request);
    const usize step = firmware_.memory_map.descriptor_size();
    const auto room = take(most * step, alignof(MemoryDescriptor));
    (void)take(0, view_alignment);
    if (is_full_) {
        return std::unexpected(Error::no_room);
    }
    request.view = {where_, used_};
    const std::span pieces{reinterpret_cast<MemoryDescriptor*>(room.data()), most};
    const auto count = write_guest_map(firmware_.memory_map, request, pieces);
    if (!count) {
        return std::unexpected(count.error());
    }
    const usize size = *count * step;
    spread(room, *count, step);
    std::ranges::fill(room.subspan(size), std::byte{0});
    CellWriter{map_address_}.put(2, address_of(room).value);
    CellWriter{map_size_}.put(1, size);
    result_.size = used_;
    return {};
}

Result<> build_view(const Firmware& firmware, const Platform& platform, const GuestRequest& request,
                    std::span<std::byte> buffer, PhysAddr where, GuestDescription& result) {
    return ViewBuilder{firmware, platform, request, buffer, where, result}.run();
}

} // namespace baton::efi
