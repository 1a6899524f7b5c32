// SPDX-License-Identifier: BSD-2-Clause
//
// How much of what a configuration table leads to stays where it is.
#include "tests/unit/platform/acpi_machine.hpp"

#include <doctest/doctest.h>

using namespace baton;
using baton::arm64::FullPlatform;
using baton::test::AcpiMachine;

namespace {

AcpiMachine machine() { return AcpiMachine::load(std::string(UNIT_DATA) + "/virt-4.acpi"); }

std::unique_ptr<FullPlatform> parsed(AcpiMachine& machine) {
    auto platform = std::make_unique<FullPlatform>();
    const auto result = machine.parse(*platform);
    INFO(std::string(platform->fault));
    REQUIRE(result);
    return platform;
}

PhysRange range(u64 begin, u64 size) { return {{begin}, size}; }

bool is_reserved(const Platform& platform, PhysRange range) {
    return std::ranges::any_of(
        platform.reserved, [&](const ReservedRange& each) { return each.range.contains(range); });
}

/// A table of MOK variables with so many bytes in each, and an end if that is wanted.
AcpiMachine::Buffer mok_variables(const std::vector<u64>& sizes, bool ends = true) {
    AcpiMachine::Buffer bytes;
    const auto add = [&](const efi::MokVariable& variable) {
        const auto* const head = reinterpret_cast<const std::byte*>(&variable);
        bytes.insert(bytes.end(), head, head + sizeof(variable));
        bytes.resize(bytes.size() + variable.size);
    };
    for (const u64 size : sizes) {
        add({{'M', 'o', 'k'}, size});
    }
    if (ends) {
        add({});
    }
    return bytes;
}

} // namespace

TEST_CASE("MOK variables stay to the last") {
    // A region of their own, between two that are free.
    constexpr u64 region = 0x6000'0000, region_size = 4 * MiB, at = region + 0x2018;
    auto tables = machine();
    auto map = AcpiMachine::default_map();
    map[0].pages = (region - map[0].physical_start) / page_size;
    map.push_back({efi::memory_type::boot_services_data, 0, region, 0, region_size / page_size, 8});
    map.push_back({efi::memory_type::conventional, 0, region + region_size, 0, 16, 8});
    tables.set_map(map);
    tables.set_configuration(
        {{efi::guid::acpi_2_0, tables.rsdp()}, {efi::guid::mok_variables, at}});
    const auto kept = [&](AcpiMachine::Buffer bytes) {
        tables.put(at, std::move(bytes));
        const auto platform = parsed(tables);
        CHECK_FALSE(is_reserved(*platform, range(region, page_size)));
        CHECK_FALSE(is_reserved(*platform, range(region + region_size, page_size)));
        u64 end = at;
        while (is_reserved(*platform, PhysRange::between({at}, {end + 1}))) {
            end = align_down(end, page_size) + page_size;
        }
        return end - align_down(at, page_size);
    };
    const u64 most = align_up(1 * MiB + at % page_size, page_size);

    CHECK(kept(mok_variables({})) == page_size);
    CHECK(kept(mok_variables({1000, 0x3000, 5})) == 0x4000);
    CHECK(kept(mok_variables({3 * MiB})) == 3 * MiB + page_size);
    // The last is cut off, or is none: to the region's end, but not all of it.
    CHECK(kept(mok_variables({1000, 0x3000}, false)) == most);
    auto damaged = mok_variables({1000});
    damaged.back() = std::byte{1}; // the end has bytes
    CHECK(kept(damaged) == most);
    damaged = mok_variables({1000, 1000});
    for (const u64 size : {region_size, ~u64{0}, ~u64{0} - sizeof(efi::MokVariable)}) {
        CAPTURE(size);
        REQUIRE(write_at(std::span{damaged}, offsetof(efi::MokVariable, size), size));
        CHECK(kept(damaged) == most);
    }
    CHECK(kept(mok_variables(std::vector<u64>(1024, 0))) == most); // too many to be true
    CHECK(kept(AcpiMachine::Buffer(10)) == most);                  // not even a head can be read

    // The region ends before the table does.
    map[map.size() - 2].pages = 0x2000 / page_size + 1;
    map.back().physical_start = region + 0x3000;
    tables.set_map(map);
    tables.put(at, mok_variables({0x3000}));
    const auto cut = parsed(tables);
    CHECK(is_reserved(*cut, range(region + 0x2000, page_size)));
    CHECK_FALSE(is_reserved(*cut, range(region + 0x3000, page_size)));
}

TEST_CASE("a table of unknown length stays to its region's end, as far as that is near") {
    auto tables = machine();
    auto map = AcpiMachine::default_map();
    map[0].pages = 0x2000'0000 / page_size; // 0x40000000 to 0x60000000
    map.push_back({efi::memory_type::loader_data, 0, 0x6000'0000, 0, 5, 8});
    tables.set_map(map);
    tables.set_configuration({{efi::guid::acpi_2_0, tables.rsdp()},
                              {{1, 2, 3, {}}, 0x6000'1ff8},      // in a small region
                              {{1, 2, 4, {}}, 0x7400'0000},      // in a large one
                              {{1, 2, 5, {}}, 0x5000'0000},      // in memory that is free
                              {efi::guid::smbios3, 0x7500'0ff8}, // over the end of a page
                              {efi::guid::screen_info, 0x7600'0000}});
    const auto platform = parsed(tables);
    CHECK_FALSE(is_reserved(*platform, range(0x6000'0000, page_size)));
    CHECK(is_reserved(*platform, range(0x6000'1000, 0x4000)));
    CHECK(is_reserved(*platform, range(0x7400'0000, 1 * MiB)));
    CHECK_FALSE(is_reserved(*platform, range(0x7410'0000, page_size)));
    CHECK(is_reserved(*platform, range(0x5000'0000, page_size)));
    CHECK_FALSE(is_reserved(*platform, range(0x5000'1000, page_size)));
    CHECK(is_reserved(*platform, range(0x7500'0000, 0x2000)));
    CHECK_FALSE(is_reserved(*platform, range(0x7500'2000, page_size)));
    CHECK_FALSE(is_reserved(*platform, range(0x7600'1000, page_size)));
}
