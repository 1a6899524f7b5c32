// SPDX-License-Identifier: BSD-2-Clause
#include "arch/arm64/efi/load_options.hpp"
#include "tests/unit/platform/bundle_files.hpp"
#include "tests/unit/platform/dtb.hpp"
#include "tests/unit/platform/efi_firmware.hpp"
#include "tests/unit/platform/loaded_memory.hpp"

#include <doctest/doctest.h>

using namespace baton;
using namespace baton::test;

// Baton's view of EFI has a namespace of that name, too.
namespace stub = baton::test::efi;

namespace {

std::optional<std::string> utf8(std::u16string_view text, usize room = 64) {
    std::vector<char> to(room);
    const auto done = stub::to_utf8(text, to);
    return done ? std::optional{std::string{*done}} : std::nullopt;
}

/// /chosen of the DTB that Baton was entered with.
FdtNode chosen(const Firmware& firmware) {
    const auto fdt = Fdt::open(firmware.handed_over);
    REQUIRE(fdt);
    const auto node = fdt->find("/chosen");
    REQUIRE(node);
    return *node;
}

u64 number(FdtNode node, const char* property) {
    const auto value = node.get(property);
    REQUIRE_MESSAGE(value, property);
    return *CellReader{*value}.take(static_cast<u32>(value->size() / 4));
}

std::string initrd(const Firmware& firmware) {
    const auto* const begin =
        reinterpret_cast<const char*>(number(chosen(firmware), "linux,initrd-start"));
    const auto* const end =
        reinterpret_cast<const char*>(number(chosen(firmware), "linux,initrd-end"));
    return {begin, end};
}

std::vector<stub::MemoryDescriptor> handed_map(const Firmware& firmware) {
    const auto node = chosen(firmware);
    const auto* const begin = reinterpret_cast<const char*>(number(node, "linux,uefi-mmap-start"));
    const u64 step = number(node, "linux,uefi-mmap-desc-size");
    std::vector<stub::MemoryDescriptor> map(number(node, "linux,uefi-mmap-size") / step);
    for (usize i = 0; i < map.size(); i++) {
        std::memcpy(&map[i], begin + i * step, sizeof(map[i]));
    }
    return map;
}

} // namespace

TEST_CASE("load options: UTF-16 to UTF-8") {
    CHECK(utf8(u"console=ttyAMA0") == "console=ttyAMA0");
    CHECK(utf8(u"\u00e4\u20ac\U0001F600") == "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80");
    CHECK(utf8(std::u16string_view(u"a\0b", 3)) == "a");
    CHECK(utf8(u"") == "");
    CHECK_FALSE(utf8(u"a\u0001"));
    CHECK_FALSE(utf8(std::u16string(1, char16_t{0xd800})));
    CHECK_FALSE(utf8(std::u16string(1, char16_t{0xdc00})));
    CHECK(utf8(u"four", 4) == "four");
    CHECK_FALSE(utf8(u"\u20ac", 2));
}

TEST_CASE("load options: initrd= is taken out") {
    const auto split = [](std::string text) {
        const auto done = stub::split_initrd(text);
        return std::pair{std::string{done.words}, std::string{done.initrd}};
    };
    using Pair = std::pair<std::string, std::string>;
    CHECK(split("a initrd=\\x b") == Pair{"a b", "\\x"});
    CHECK(split("initrd=one initrd=two") == Pair{"", "two"});
    CHECK(split("  a   b ") == Pair{"a b", ""});
    CHECK(split("") == Pair{"", ""});
    CHECK(split("noinitrd=x") == Pair{"noinitrd=x", ""});
}

TEST_CASE("firmware without a DTB: one with /chosen alone") {
    Firmware firmware;
    firmware.options = u"console=ttyAMA0 baton.report";
    REQUIRE_FALSE(firmware.start());
    CHECK(firmware.ended);
    const auto node = chosen(firmware);
    CHECK(node.string("bootargs") == "console=ttyAMA0 baton.report");
    CHECK(number(node, "linux,uefi-system-table") == reinterpret_cast<u64>(&firmware.system));
    CHECK(number(node, "linux,uefi-mmap-desc-size") == 48);
    CHECK(number(node, "linux,uefi-mmap-desc-ver") == 1);
    CHECK(number(node, "linux,uefi-secure-boot") == 2);
    CHECK(node.get("linux,uefi-mmap-size")->size() == 4);
    CHECK_FALSE(node.has("linux,initrd-start"));
    REQUIRE(node.get("rng-seed"));
    CHECK(node.get("rng-seed")->size() == 64);
    CHECK((*node.get("rng-seed"))[0] == std::byte{9});
    CHECK(node.get("kaslr-seed")->size() == 8);
    const auto fdt = Fdt::open(firmware.handed_over);
    CHECK_FALSE(fdt->root().first_child()->next_sibling());
    CHECK(fdt->reservation_count() == 0);
}

TEST_CASE("the firmware's DTB with more in /chosen") {
    Firmware firmware;
    const Dtb dtb = Dtb::load("virt-modules.dtb");
    firmware.dtb = Dtb{dtb}.bytes();
    firmware.map = {{stub::memory_type::conventional, 0, 0x4000'0000, 0, 0x100, 0xf},
                    {6, 0, 0x4010'0000, 0, 0x10, stub::attribute_runtime | 0xf},
                    {stub::memory_type::reserved, 0, 0x4011'0000, 0, 0x10, 0xf},
                    {stub::memory_type::loader_data, 0, 0x4012'0000, 0, 0x10, 0xf},
                    {stub::memory_type::acpi_reclaim, 0, 0x4013'0000, 0, 0x10, 0xf},
                    {stub::memory_type::mmio, 0, 0x900'0000, 0, 1, stub::attribute_runtime}};
    firmware.has_rng = false;
    SUBCASE("without load options its command line stays") {
        REQUIRE_FALSE(firmware.start());
        CHECK(chosen(firmware).string("bootargs") == "baton.slot=128M baton.rotate");
    }
    SUBCASE("load options take its place") {
        firmware.options = u"root=/dev/vda";
        REQUIRE_FALSE(firmware.start());
        CHECK(chosen(firmware).string("bootargs") == "root=/dev/vda");
    }
    const auto fdt = Fdt::open(firmware.handed_over);
    REQUIRE(fdt);
    CHECK(fdt->find("/psci"));
    CHECK(fdt->find("/chosen")->has("rng-seed")); // QEMU's
    // Firmware's memory is reserved, neighbours as one; device memory is not RAM.
    REQUIRE(fdt->reservation_count() == 2);
    CHECK(fdt->reservation(0) == PhysRange{{0x4010'0000}, 0x2'0000});
    CHECK(fdt->reservation(1) == PhysRange{{0x4013'0000}, 0x1'0000});
    // Runtime services stay where they are, for every kernel.
    const auto map = handed_map(firmware);
    REQUIRE(map.size() == 6);
    CHECK(map[1].virtual_start == 0x4010'0000);
    CHECK(map[5].virtual_start == 0x900'0000);
    CHECK(map[4].virtual_start == 0);
}

TEST_CASE("a damaged DTB is left out, and told") {
    Firmware firmware;
    firmware.dtb = bytes_of("no DTB, and long enough for the header of one ......");
    REQUIRE_FALSE(firmware.start());
    CHECK(firmware.said.find("damaged") != std::string::npos);
}

TEST_CASE("a shell's words, without the program's name") {
    Firmware firmware;
    firmware.in_shell = true;
    firmware.options = u"baton.efi root=/dev/vda";
    firmware.arguments = {u"baton.efi", u"root=/dev/vda", u"rw"};
    REQUIRE_FALSE(firmware.start());
    CHECK(chosen(firmware).string("bootargs") == "root=/dev/vda rw");
}

TEST_CASE("load options that are no text count as none") {
    Firmware firmware;
    firmware.options = std::u16string(u"\u0002\u0007"
                                      u"junk",
                                      6);
    REQUIRE_FALSE(firmware.start());
    CHECK_FALSE(chosen(firmware).has("bootargs"));
}

TEST_CASE("an initrd") {
    Firmware firmware;
    const std::string archive(5000, 'x');
    firmware.files[u"\\efi\\bundle.cpio"] = archive;
    SUBCASE("by LoadFile2") {
        firmware.offered_initrd = "offered";
        firmware.options = u"initrd=/efi/bundle.cpio";
        REQUIRE_FALSE(firmware.start());
        CHECK(initrd(firmware) == "offered");
    }
    SUBCASE("by initrd=, with slashes of either kind") {
        firmware.options = u"a initrd=/efi\\bundle.cpio";
        REQUIRE_FALSE(firmware.start());
        CHECK(initrd(firmware) == archive);
        CHECK(chosen(firmware).string("bootargs") == "a");
    }
    SUBCASE("that is not there") {
        firmware.options = u"initrd=\\missing";
        CHECK(firmware.start() == stub::not_found);
        CHECK(firmware.said.find("initrd=") != std::string::npos);
    }
    SUBCASE("that leaves no memory for the rest") {
        firmware.options = u"initrd=/efi/bundle.cpio";
        firmware.pages_left = 3;
        CHECK(firmware.start() == stub::out_of_resources);
        CHECK(firmware.pages_taken == 0);
    }
    SUBCASE("that no memory is left for") {
        firmware.options = u"initrd=/efi/bundle.cpio";
        firmware.pages_left = 1;
        CHECK(firmware.start() == stub::out_of_resources);
        CHECK(firmware.pages_taken == 0);
    }
}

TEST_CASE("PCI functions are at rest, and the console's still drive it") {
    Firmware firmware;
    firmware.functions.resize(4);
    firmware.functions[1].class_code = 0x0300'0000; // a screen
    firmware.functions[2].class_code = 0x0604'0000; // a bridge
    firmware.functions[3].command = 0xffff;         // gone
    REQUIRE_FALSE(firmware.start());
    CHECK_FALSE(firmware.functions[0].connected);
    CHECK(firmware.functions[1].connected);
    CHECK(firmware.functions[2].connected);
    CHECK(firmware.functions[0].command == 0x2);
    CHECK(firmware.functions[1].command == 0x2);
    CHECK(firmware.functions[2].command == 0x2);
    CHECK(firmware.functions[3].command == 0xffff);
}

TEST_CASE("the map changes while boot services end") {
    Firmware firmware;
    SUBCASE("now and then") {
        firmware.stale_keys = 3;
        REQUIRE_FALSE(firmware.start());
        CHECK(handed_map(firmware).size() == 4);
    }
    SUBCASE("for ever") {
        firmware.stale_keys = 1000;
        CHECK(firmware.start() == stub::load_error);
        CHECK(firmware.said.find("boot services") != std::string::npos);
        CHECK(firmware.pages_taken == 0);
    }
}

TEST_CASE("Secure Boot") {
    LoadedMemory::here().clear();
    Firmware firmware;
    firmware.options = u"init=/bin/sh";
    firmware.variables = {{u"SecureBoot", 1}, {u"SetupMode", 0}};
    SUBCASE("is told") {
        REQUIRE_FALSE(firmware.start());
        CHECK(number(chosen(firmware), "linux,uefi-secure-boot") == 3);
        CHECK(chosen(firmware).string("bootargs") == "init=/bin/sh");
    }
    SUBCASE("a bundle keeps its own command line") {
        LoadedMemory::here().header = pe_head({{".linux", 1, 0x1000, 1, 0x1000}});
        REQUIRE_FALSE(firmware.start());
        CHECK_FALSE(chosen(firmware).has("bootargs"));
        CHECK(firmware.said.find("Secure Boot") != std::string::npos);
    }
    SUBCASE("in set-up mode it is off") {
        firmware.variables[u"SetupMode"] = 1;
        REQUIRE_FALSE(firmware.start());
        CHECK(number(chosen(firmware), "linux,uefi-secure-boot") == 2);
    }
    SUBCASE("by its user's word to shim it is off") {
        firmware.variables[u"MokSBState"] = 1;
        REQUIRE_FALSE(firmware.start());
        CHECK(number(chosen(firmware), "linux,uefi-secure-boot") == 2);
    }
    LoadedMemory::here().clear();
}

namespace {

ByteVector number_of(u64 value, usize size) {
    ByteVector bytes;
    put(bytes, 0, value, size);
    return bytes;
}

/// The first event of a log with SHA-1 and SHA-256 digests.
ByteVector spec_event() {
    const ByteVector data =
        joined({bytes_of(std::string_view("Spec ID Event03", 16)), number_of(0, 4),
                number_of(0x0200'0200, 4), number_of(2, 4), number_of(0x4, 2), number_of(20, 2),
                number_of(0xb, 2), number_of(32, 2), number_of(0, 1)});
    return joined(
        {number_of(0, 4), number_of(3, 4), ByteVector(20), number_of(data.size(), 4), data});
}

ByteVector event(usize size, u16 second_algorithm = 0xb) {
    return joined({number_of(4, 4), number_of(13, 4), number_of(2, 4), number_of(0x4, 2),
                   ByteVector(20), number_of(second_algorithm, 2), ByteVector(32),
                   number_of(size, 4), ByteVector(size, std::byte{0x77})});
}

/// What stands in front of the log in the table that is kept.
struct Kept {
    u32 size, final_size;
    u8 version;
};
Kept kept(const Firmware& firmware) {
    REQUIRE(firmware.kept_log != nullptr);
    Kept table{};
    std::memcpy(&table.size, firmware.kept_log, 4);
    std::memcpy(&table.final_size, firmware.kept_log + 4, 4);
    std::memcpy(&table.version, firmware.kept_log + 8, 1);
    return table;
}

} // namespace

TEST_CASE("the TPM's log is kept for the kernels") {
    Firmware firmware;
    const ByteVector spec = spec_event();
    const ByteVector last = event(7);
    firmware.tpm_log = joined({spec, event(100), last});
    firmware.last_event = firmware.tpm_log.size() - last.size();
    // The firmware's buffer goes on.
    const usize size = firmware.tpm_log.size();
    firmware.tpm_log.resize(size + 70'000);
    SUBCASE("with events since it was asked for") {
        firmware.final_events = joined({number_of(1, 8), number_of(2, 8), event(3), event(9)});
        REQUIRE_FALSE(firmware.start());
        const Kept table = kept(firmware);
        CHECK(table.size == size);
        CHECK(table.final_size == event(3).size() + event(9).size());
        CHECK(table.version == 2);
        CHECK(std::memcmp(firmware.kept_log + 9, firmware.tpm_log.data(), size) == 0);
    }
    SUBCASE("of its first event alone") {
        firmware.last_event = 0;
        REQUIRE_FALSE(firmware.start());
        CHECK(kept(firmware).size == spec.size());
        CHECK(kept(firmware).final_size == 0);
    }
    SUBCASE("in the old format") {
        firmware.tpm_format = 1;
        firmware.last_event = 0;
        REQUIRE_FALSE(firmware.start());
        CHECK(kept(firmware).size == spec.size());
        CHECK(kept(firmware).version == 1);
    }
    SUBCASE("a digest of an unknown kind") {
        const ByteVector strange = event(7, 0x99);
        std::copy(strange.begin(), strange.end(),
                  firmware.tpm_log.begin() + static_cast<std::ptrdiff_t>(firmware.last_event));
        REQUIRE_FALSE(firmware.start());
        CHECK(firmware.kept_log == nullptr);
        CHECK(firmware.said.find("TPM") != std::string::npos);
    }
    SUBCASE("no first event that says what digests there are") {
        firmware.tpm_log[40] = std::byte{'x'};
        REQUIRE_FALSE(firmware.start());
        CHECK(firmware.kept_log == nullptr);
    }
    SUBCASE("a refusal leaves what the firmware was told of") {
        firmware.stale_keys = 1000;
        CHECK(firmware.start() == stub::load_error);
        CHECK(kept(firmware).size == size);
        CHECK(firmware.pages_taken == 1);
    }
}

TEST_CASE("what cannot start is told, and goes back to the loader") {
    Firmware firmware;
    SUBCASE("at EL1") {
        firmware.el2 = false;
        CHECK(firmware.start() == stub::unsupported);
        CHECK(firmware.said.find("needs EL2") != std::string::npos);
    }
    SUBCASE("without memory") {
        firmware.pages_left = 0;
        CHECK(firmware.start() == stub::out_of_resources);
        CHECK(firmware.said.find("no memory") != std::string::npos);
    }
    CHECK_FALSE(firmware.ended);
    CHECK(firmware.pages_taken == 0);
}
