// SPDX-License-Identifier: BSD-2-Clause
//
// A kernel's memory map, against what is said of each page alone.
#include "hyp/platform/efi/guest_map.hpp"
#include "hyp/platform/efi/map_editor.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <random>
#include <set>
#include <vector>

using namespace baton;
using namespace baton::efi;

namespace {

constexpr u64 cached = memory_attribute::uncacheable | memory_attribute::write_back;
constexpr u64 runtime = cached | memory_attribute::runtime;

constexpr PhysRange pages(u64 begin, u64 count) { return {{begin * page_size}, count * page_size}; }
MemoryDescriptor descriptor(MemoryType type, PhysRange range, u64 attribute = cached) {
    return {type, 0, range.begin.value, 0, range.size / page_size, attribute};
}

/// A firmware's map, with descriptors that are longer than they need be.
struct FirmwareMap {
    static constexpr u32 descriptor_size = 48;
    std::vector<std::byte> bytes;

    explicit FirmwareMap(const std::vector<MemoryDescriptor>& all) {
        bytes.resize(all.size() * descriptor_size);
        for (usize i = 0; i < all.size(); i++) {
            std::memcpy(bytes.data() + i * descriptor_size, &all[i], sizeof(all[i]));
        }
    }
    MemoryMapView view() const {
        const auto opened = MemoryMapView::open(bytes, descriptor_size);
        REQUIRE(opened);
        return *opened;
    }
};

std::vector<MemoryDescriptor> map_of(const std::vector<MemoryDescriptor>& firmware,
                                     const GuestMapRequest& request) {
    const FirmwareMap source{firmware};
    std::vector<MemoryDescriptor> room(most_descriptors(source.view(), request));
    const auto count = write_guest_map(source.view(), request, room);
    REQUIRE(count);
    room.resize(*count);
    return room;
}

struct Page {
    MemoryType type;
    u64 attribute;
    bool operator==(const Page&) const = default;
};
using Pages = std::map<u64, Page>;

Pages pages_of(const std::vector<MemoryDescriptor>& map) {
    Pages result;
    u64 end = 0;
    for (const MemoryDescriptor& piece : map) {
        REQUIRE(piece.pages != 0);
        REQUIRE(piece.physical_start >= end); // ascending, without overlap
        REQUIRE(piece.virtual_start == (piece.has(memory_attribute::runtime) //
                                            ? piece.physical_start
                                            : 0));
        end = piece.physical_start + piece.pages * page_size;
        for (u64 i = 0; i < piece.pages; i++) {
            result[piece.physical_start / page_size + i] = {piece.type, piece.attribute};
        }
    }
    return result;
}

// --- the same by the page ------------------------------------------------------------------------

const std::set<MemoryType> released{1, 2, 3, 4};
const std::set<MemoryType> for_kernels{1, 2, 3, 4, 7, 14, 15};

bool has_page(PhysRange range, u64 page) { return whole_pages(range).overlaps(pages(page, 1)); }
template <class Ranges>
bool any_has(const Ranges& ranges, u64 page) {
    return std::ranges::any_of(ranges, [&](PhysRange range) { return has_page(range, page); });
}

std::optional<Page> firmware_page(const std::vector<MemoryDescriptor>& firmware, u64 page) {
    std::optional<Page> result;
    for (const bool kernels : {true, false}) {
        for (const MemoryDescriptor& each : firmware) {
            const auto range = each.range();
            if (range && for_kernels.contains(each.type) == kernels && has_page(*range, page)) {
                result = Page{each.type, each.attribute};
            }
        }
    }
    return result;
}

Page kernels_page(Page page, u64 number, const GuestMapRequest& request) {
    const bool is_special = (page.attribute & memory_attribute::specific_purpose) != 0;
    const bool is_kept = std::ranges::any_of(
        request.kept, [&](const ReservedRange& kept) { return has_page(kept.range, number); });
    if (!has_page(request.esrt, number)) {
        if (is_kept && !is_special && (released.contains(page.type) || page.type == 7)) {
            page.type = memory_type::acpi_reclaim;
        } else if (released.contains(page.type)) {
            page.type = memory_type::conventional;
        }
    }
    const bool is_owned = request.has_all || any_has(request.memory, number);
    const bool is_memory = (page.attribute & 0xe) != 0;
    if ((!is_owned && for_kernels.contains(page.type)) ||
        (is_memory && any_has(request.reserved, number))) {
        page = {memory_type::reserved, page.attribute & ~memory_attribute::runtime};
    }
    if (has_page(request.view, number)) {
        page = {memory_type::acpi_reclaim,
                page.attribute & ~(memory_attribute::runtime | memory_attribute::specific_purpose)};
    }
    return page;
}

} // namespace

TEST_CASE("a kernel's memory map") {
    const std::vector<PhysRange> memory{pages(0x100, 0x100), pages(0x300, 0x100)};
    const std::vector<ReservedRange> kept{{.range = {{0x180'000 + 100}, 200}, .no_map = false},
                                          {.range = {{0x182'000 + 4000}, 200}, .no_map = false}};
    const auto map =
        map_of({descriptor(memory_type::boot_services_data, pages(0x100, 0xc0)),
                descriptor(memory_type::runtime_services_data, pages(0x1c0, 0x10), runtime),
                descriptor(memory_type::runtime_services_data, pages(0x1d0, 0x10), runtime),
                descriptor(memory_type::mmio, pages(0x40, 1), memory_attribute::runtime | 1),
                descriptor(memory_type::conventional, pages(0x200, 0x200)),
                descriptor(memory_type::loader_data, pages(0x1e0, 0x20))},
               {.memory = memory,
                .kept = kept,
                .esrt = {{0x182'000 + 4000}, 200},
                .view = pages(0x310, 0x10)});
    struct Expected {
        MemoryType type;
        PhysRange range;
        u64 attribute;
    };
    const std::vector<Expected> expected{
        {memory_type::mmio, pages(0x40, 1), memory_attribute::runtime | 1},
        {memory_type::conventional, pages(0x100, 0x80), cached},
        {memory_type::acpi_reclaim, pages(0x180, 1), cached},
        {memory_type::conventional, pages(0x181, 1), cached},
        {memory_type::boot_services_data, pages(0x182, 2), cached},
        {memory_type::conventional, pages(0x184, 0x3c), cached},
        {memory_type::runtime_services_data, pages(0x1c0, 0x10), runtime}, // no edge is lost
        {memory_type::runtime_services_data, pages(0x1d0, 0x10), runtime},
        {memory_type::conventional, pages(0x1e0, 0x20), cached},
        {memory_type::reserved, pages(0x200, 0x100), cached},
        {memory_type::conventional, pages(0x300, 0x10), cached},
        {memory_type::acpi_reclaim, pages(0x310, 0x10), cached},
        {memory_type::conventional, pages(0x320, 0xe0), cached},
    };
    REQUIRE(map.size() == expected.size());
    for (usize i = 0; i < map.size(); i++) {
        CAPTURE(i);
        CHECK(map[i].type == expected[i].type);
        CHECK(map[i].range() == expected[i].range);
        CHECK(map[i].attribute == expected[i].attribute);
    }
}

TEST_CASE("memory maps at random") {
    std::minstd_rand random{1};
    const auto below = [&](u64 end) { return random() % end; };
    constexpr u64 end = 64;
    const auto some_pages = [&] {
        const u64 begin = below(end);
        return pages(begin, 1 + below(std::min<u64>(end - begin, 12)));
    };
    const auto some_bytes = [&] {
        return PhysRange{{below(end * page_size)}, below(3 * page_size)};
    };
    for (u32 round = 0; round < 10'000; round++) {
        CAPTURE(round);
        std::vector<MemoryDescriptor> firmware;
        for (u64 i = 1 + below(20); i > 0; i--) {
            const u64 attributes[]{cached,  cached, cached,
                                   runtime, 1,      cached | memory_attribute::specific_purpose};
            firmware.push_back(descriptor(static_cast<MemoryType>(below(17)), some_pages(),
                                          attributes[below(std::size(attributes))]));
            if (below(50) == 0) { // not whole pages, or empty, or beyond all addresses
                MemoryDescriptor& bad = firmware.back();
                (below(2) == 0 ? bad.physical_start : bad.pages) ^= below(2) == 0 ? 1 : ~u64{0};
                if (bad.range() && bad.pages > end) {
                    firmware.pop_back();
                }
            }
        }
        if (firmware.empty()) {
            continue;
        }
        std::vector<PhysRange> memory;
        for (u64 at = below(8); at < end; at += 1 + below(10)) {
            memory.push_back(pages(at, 1 + below(8)));
            at += memory.back().size / page_size;
        }
        std::vector<ReservedRange> kept;
        std::vector<PhysRange> reserved;
        for (u64 i = below(4); i > 0; i--) {
            kept.push_back({.range = some_bytes(), .no_map = false});
            reserved.push_back(some_bytes());
        }
        const GuestMapRequest request{.has_all = below(4) == 0,
                                      .memory = memory,
                                      .reserved = reserved,
                                      .kept = kept,
                                      .esrt = below(2) == 0 ? some_bytes() : PhysRange{},
                                      .view = some_pages()};
        const auto map = map_of(firmware, request);
        Pages wanted;
        for (u64 page = 0; page < end + 12; page++) {
            if (const auto of_firmware = firmware_page(firmware, page)) {
                wanted[page] = kernels_page(*of_firmware, page, request);
            }
        }
        REQUIRE(pages_of(map) == wanted);
        for (usize i = 1; i < map.size(); i++) { // no more pieces than it takes
            const bool joins = map[i - 1].range()->end() == map[i].range()->begin;
            REQUIRE_FALSE((joins && map[i - 1].type == map[i].type &&
                           map[i - 1].attribute == map[i].attribute &&
                           !map[i].has(memory_attribute::runtime)));
        }
    }
}

TEST_CASE("a map is refused where there is no room, and not written beyond it") {
    std::vector<MemoryDescriptor> firmware;
    std::vector<PhysRange> memory;
    for (u64 i = 0; i < 100; i++) {
        firmware.push_back(descriptor(memory_type::conventional, pages(i * 20, 10)));
        memory.push_back(pages(i * 20 + 3, 3));
    }
    const FirmwareMap source{firmware};
    const GuestMapRequest request{.memory = memory};
    const usize needed = 300;
    for (usize size = 0; size <= most_descriptors(source.view(), request); size++) {
        std::vector<MemoryDescriptor> room(size);
        const auto count = write_guest_map(source.view(), request, room);
        CHECK(count.has_value() == (size >= needed));
        CHECK((count ? *count == needed : count.error() == Error::no_room));
    }
}
