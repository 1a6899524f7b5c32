// SPDX-License-Identifier: BSD-2-Clause
#include "hyp/platform/bundle/bundle.hpp"

#include "hyp/platform/bundle/archive.hpp"
#include "hyp/platform/bundle/parts.hpp"
#include "hyp/platform/bundle/sections.hpp"
#include "tests/unit/platform/bundle_files.hpp"
#include "tests/unit/platform/dtb.hpp"
#include "tests/unit/platform/loaded_memory.hpp"

#include <doctest/doctest.h>

using namespace baton;
using namespace baton::test;

namespace {

using Kind = BundlePart::Kind;

/// In the RAM of virt-4.dtb.
constexpr PhysAddr own_at{0x4020'0000};
constexpr u64 own_size = 0x10'0000;
constexpr PhysAddr archive_at{0x4800'0004};

/// What a loader left, until the end of the test.
struct Loaded {
    Loaded() { LoadedMemory::here().clear(); }
    ~Loaded() { LoadedMemory::here().clear(); }
    Loaded(const Loaded&) = delete;
    Loaded& operator=(const Loaded&) = delete;

    /// Behind Baton, in pages, in this order.
    static void own(const std::vector<std::pair<std::string, std::string>>& parts) {
        auto& memory = LoadedMemory::here();
        std::vector<TestSection> sections{{".text", 0x1000, 0x1000, 0x1000, 0x1000}};
        u32 offset = own_size;
        for (const auto& [name, content] : parts) {
            const auto size = static_cast<u32>(content.size());
            sections.push_back({name, size, offset, 0x1000, offset});
            memory.put(own_at + offset, bytes_of(content));
            offset += 0x1000;
        }
        memory.own = {own_at, own_size};
        memory.header = pe_head(sections);
    }
};

Dtb machine() { return Dtb::load("virt-4.dtb"); }

void set_initrd(Dtb& dtb, PhysRange range) {
    const auto cells = [](u64 value) {
        return std::vector<u32>{static_cast<u32>(value >> 32), static_cast<u32>(value)};
    };
    dtb.set("/chosen", "linux,initrd-start", cells(range.begin.value));
    dtb.set("/chosen", "linux,initrd-end", cells(range.end().value));
}

Dtb with_archive(const ByteVector& archive) {
    LoadedMemory::here().put(archive_at, archive);
    Dtb dtb = machine();
    set_initrd(dtb, {archive_at, archive.size()});
    return dtb;
}

std::unique_ptr<arm64::FullPlatform> read(const Dtb& dtb) {
    auto platform = std::make_unique<arm64::FullPlatform>();
    REQUIRE_MESSAGE(parse_platform(dtb, *platform), platform->fault);
    return platform;
}

std::string text_at(std::optional<PhysRange> range) {
    REQUIRE(range);
    const auto bytes = LoadedMemory::here().at(*range);
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

} // namespace

TEST_CASE("the sections of a PE file") {
    const ByteVector head = pe_head({{".linux", 5, 0x2000, 0x200, 0x2000},
                                     {".initrd2", 0x400, 0x3000, 0x200, 0x3000},
                                     {".apart", 4, 0x4000, 0x200, 0x3800},
                                     {".empty", 0, 0x5000, 0, 0x5000},
                                     {".far", 0x200, 0xffff'ff00, 0x200, 0xffff'ff00}});
    const auto table = SectionTable::open(head);
    REQUIRE(table);
    REQUIRE(table->size() == 5);
    REQUIRE((*table)[0]);
    CHECK((*table)[0]->name == ".linux");
    CHECK((*table)[0]->offset == 0x2000);
    CHECK((*table)[0]->size == 5);
    CHECK((*table)[1]->name == ".initrd2"); // no room for a NUL
    CHECK((*table)[1]->size == 0x200);      // no more than the file has
    CHECK_FALSE((*table)[2]);
    CHECK_FALSE((*table)[3]);
    CHECK_FALSE((*table)[4]);

    SUBCASE("cut off anywhere") {
        for (usize size = 0; size < head.size(); size++) {
            const ByteVector cut(head.begin(), head.begin() + static_cast<std::ptrdiff_t>(size));
            CHECK_FALSE(SectionTable::open(cut));
        }
    }
    SUBCASE("no PE file") {
        CHECK_FALSE(SectionTable::open(ByteVector(4096)));
        ByteVector far = head;
        put(far, 0x3c, 0xffff'fffc, 4);
        CHECK_FALSE(SectionTable::open(far));
    }
}

TEST_CASE("the files of an archive") {
    const ByteVector archive =
        joined({cpio_entry("next", "", 040755), cpio_entry("./kernel", "Image"),
                cpio_entry("empty", ""), cpio_end(), ByteVector(8),
                cpio_entry("cmdline", "console=ttyS0"), cpio_end(), ByteVector(512 - 8)});
    ArchiveReader reader{archive};
    const auto kernel = reader.take();
    REQUIRE(kernel);
    CHECK(kernel->name == "kernel");
    CHECK(kernel->size == 5);
    CHECK(std::memcmp(archive.data() + kernel->offset, "Image", 5) == 0);
    CHECK(reader.take()->name == "empty");
    CHECK(reader.take()->name == "cmdline"); // of the second archive
    CHECK_FALSE(reader.take());
    CHECK(reader.is_whole());
    CHECK(ArchiveReader::is_archive(archive));

    SUBCASE("cut off anywhere") {
        for (usize size = 1; size + 512 < archive.size(); size++) {
            const ByteVector cut(archive.begin(),
                                 archive.begin() + static_cast<std::ptrdiff_t>(size));
            ArchiveReader rest{cut};
            while (const auto file = rest.take()) {
                CHECK(file->offset + file->size <= size);
            }
        }
    }
    SUBCASE("a size beyond the archive") {
        ByteVector damaged = cpio_entry("kernel", "Image");
        damaged[6 + 6 * 8] = std::byte{'f'};
        ArchiveReader rest{damaged};
        CHECK_FALSE(rest.take());
        CHECK_FALSE(rest.is_whole());
    }
    SUBCASE("a number that is none") {
        ByteVector damaged = cpio_entry("kernel", "Image");
        damaged[6 + 6 * 8] = std::byte{'g'};
        CHECK_FALSE(ArchiveReader{damaged}.take());
    }
}

TEST_CASE("what the parts of a bundle are called") {
    const auto is = [](std::optional<BundlePart> part, Kind kind, usize image) {
        return part && part->kind == kind && part->image == image;
    };
    CHECK(is(part_of_section(".linux"), Kind::kernel, 0));
    CHECK(is(part_of_section(".initrd"), Kind::ramdisk, 0));
    CHECK(is(part_of_section(".cmdline"), Kind::command_line, 0));
    CHECK(is(part_of_section(".batopt"), Kind::options, 0));
    CHECK(is(part_of_section(".linux2"), Kind::kernel, 1));
    CHECK(is(part_of_section(".cmdlin8"), Kind::command_line, 7));
    for (const char* name :
         {"", ".linux1", ".linux9", ".linux22", ".batopt2", ".text", "linux", "."}) {
        CHECK_FALSE(part_of_section(name));
    }
    CHECK(is(part_of_file("kernel"), Kind::kernel, 0));
    CHECK(is(part_of_file("options"), Kind::options, 0));
    CHECK(is(part_of_file("next/initrd"), Kind::ramdisk, 1));
    CHECK(is(part_of_file("next2/cmdline"), Kind::command_line, 2));
    CHECK(is(part_of_file("next7/kernel"), Kind::kernel, 7));
    for (const char* name :
         {"", "/kernel", "next/", "next1/kernel", "next8/kernel", "next22/kernel", "next/options",
          "next/x/kernel", "boot/kernel", "kernel2", "next"}) {
        CHECK_FALSE(part_of_file(name));
    }
}

TEST_CASE("images behind Baton in its own file") {
    const Loaded loaded;
    Loaded::own({{".osrel", "ID=baton"},
                 {".batopt", "baton.rotate"},
                 {".linux", "first kernel"},
                 {".initrd", "first initrd"},
                 {".cmdline", " console=ttyS0\nquiet\n"},
                 {".linux2", "second kernel"},
                 {".cmdlin2", "second=1"}});
    Dtb dtb = machine();
    SUBCASE("as they are") {
        const auto platform = read(dtb);
        REQUIRE(platform->boot_images.size() == 2);
        const BootImage& first = platform->boot_images[0];
        CHECK(first.kernel.begin == own_at + own_size + 0x2000);
        CHECK(text_at(first.kernel) == "first kernel");
        CHECK(text_at(first.ramdisk) == "first initrd");
        CHECK(first.bootargs == "console=ttyS0 quiet");
        const BootImage& second = platform->boot_images[1];
        CHECK(text_at(second.kernel) == "second kernel");
        CHECK_FALSE(second.ramdisk);
        CHECK(second.bootargs == "second=1");
        CHECK(platform->bootargs == "baton.rotate");
        CHECK(platform->notes.empty());
        CHECK(platform->bundle == PhysRange{own_at + own_size + 0x1000, 0x5000 + 8});
        // Where the bundle lies is soon a guest's memory.
        LoadedMemory::here().clear();
        CHECK(first.bootargs == "console=ttyS0 quiet");
    }
    SUBCASE("the loader's words are the first kernel's, and Baton's") {
        dtb.set("/chosen", "bootargs", "BOOT_IMAGE=/x root=/dev/vda baton.slot=64M  rw");
        const auto platform = read(dtb);
        CHECK(platform->boot_images[0].bootargs == "root=/dev/vda rw");
        CHECK(platform->boot_images[1].bootargs == "second=1");
        CHECK(platform->bootargs == "baton.rotate BOOT_IMAGE=/x root=/dev/vda baton.slot=64M  rw");
    }
    SUBCASE("the loader has no words for a kernel") {
        dtb.set("/chosen", "bootargs", "BOOT_IMAGE=/x baton.slot=64M");
        CHECK(read(dtb)->boot_images[0].bootargs == "console=ttyS0 quiet");
    }
    SUBCASE("an initrd from the loader is left out") {
        LoadedMemory::here().put(archive_at, joined({cpio_entry("kernel", "other"), cpio_end()}));
        set_initrd(dtb, {archive_at, 100});
        const auto platform = read(dtb);
        CHECK(text_at(platform->boot_images[0].ramdisk) == "first initrd");
        CHECK(platform->notes.size() == 1);
    }
}

TEST_CASE("an initrd from the loader for a kernel in Baton's own file") {
    const Loaded loaded;
    Loaded::own({{".linux", "kernel"}});
    Dtb dtb = machine();
    set_initrd(dtb, {archive_at, 100});
    const auto platform = read(dtb);
    REQUIRE(platform->boot_images.size() == 1);
    CHECK(platform->boot_images[0].ramdisk == PhysRange{archive_at, 100});
    CHECK(platform->notes.empty());
}

TEST_CASE("sections that are no bundle") {
    const Loaded loaded;
    auto& memory = LoadedMemory::here();
    memory.own = {own_at, own_size};
    SUBCASE("inside of Baton") {
        memory.header = pe_head({{".linux", 0x1000, 0x1000, 0x1000, 0x1000}});
    }
    SUBCASE("outside of RAM") {
        memory.header = pe_head({{".linux", 0x1000, 0xfff0'0000, 0x1000, 0xfff0'0000}});
    }
    SUBCASE("across the end of RAM") {
        memory.header = pe_head({{".linux", 0x1000'0000, 0x1fd0'0000, 0x1000'0000, 0x1fd0'0000}});
    }
    CHECK(read(machine())->boot_images.empty());
}

TEST_CASE("images in the loader's initrd") {
    const Loaded loaded;
    const auto kernel = cpio_entry("kernel", "first kernel");
    SUBCASE("a bundle") {
        const auto platform = read(with_archive(
            joined({cpio_entry("options", "baton.slot=64M"), kernel,
                    cpio_entry("initrd", "first initrd"), cpio_entry("cmdline", "console=ttyS0"),
                    cpio_entry("next/kernel", "second"), cpio_end()})));
        REQUIRE(platform->boot_images.size() == 2);
        CHECK(text_at(platform->boot_images[0].kernel) == "first kernel");
        CHECK(text_at(platform->boot_images[0].ramdisk) == "first initrd");
        CHECK(platform->boot_images[0].bootargs == "console=ttyS0");
        CHECK(text_at(platform->boot_images[1].kernel) == "second");
        CHECK(platform->bootargs == "baton.slot=64M");
        CHECK(platform->notes.empty());
        CHECK(platform->bundle.begin == archive_at);
        CHECK(platform->bundle.contains(platform->boot_images[1].kernel));
    }
    SUBCASE("cut off") {
        auto cut = joined({kernel, cpio_entry("initrd", "first initrd")});
        cut.resize(cut.size() - 8);
        const auto platform = read(with_archive(cut));
        REQUIRE(platform->boot_images.size() == 1);
        CHECK_FALSE(platform->boot_images[0].ramdisk);
        CHECK(platform->notes.size() == 1);
    }
    SUBCASE("a part twice") {
        const auto platform =
            read(with_archive(joined({kernel, cpio_entry("kernel", "another"), cpio_end()})));
        CHECK(text_at(platform->boot_images[0].kernel) == "first kernel");
        CHECK(platform->notes.size() == 1);
    }
    SUBCASE("an initrd without its kernel") {
        const auto platform =
            read(with_archive(joined({kernel, cpio_entry("next/initrd", "x"), cpio_end()})));
        CHECK(platform->boot_images.size() == 1);
        CHECK(platform->notes.size() == 1);
    }
    SUBCASE("a next kernel alone") {
        const auto platform =
            read(with_archive(joined({cpio_entry("next/kernel", "x"), cpio_end()})));
        CHECK(platform->boot_images.empty());
        CHECK(platform->notes.size() == 1);
    }
    SUBCASE("an initrd of Linux's") {
        const auto platform =
            read(with_archive(joined({cpio_entry("init", "#!/bin/sh"), cpio_end()})));
        CHECK(platform->boot_images.empty());
        CHECK(platform->notes.size() == 1);
    }
    SUBCASE("compressed") {
        const auto platform = read(with_archive(ByteVector(64, std::byte{0x1f})));
        CHECK(platform->boot_images.empty());
        CHECK(std::string(platform->notes[0]).find("compressed") != std::string::npos);
    }
    SUBCASE("not in RAM") {
        Dtb dtb = machine();
        set_initrd(dtb, {PhysAddr{0x900'0000}, 0x1000});
        const auto platform = read(dtb);
        CHECK(platform->boot_images.empty());
        CHECK(platform->notes.size() == 1);
    }
    SUBCASE("what the loader reserves for it is no reservation") {
        Dtb dtb = with_archive(joined({kernel, cpio_end()}));
        const usize before = read(dtb)->reserved.size();
        const u64 size = read(dtb)->boot_images[0].kernel.size + 4096;
        dtb.edit([&](void* fdt) {
            REQUIRE(fdt_add_mem_rsv(fdt, archive_at.value, 100) == 0);
            REQUIRE(fdt_add_mem_rsv(fdt, archive_at.value, size) == 0); // somebody else's
        });
        CHECK(read(dtb)->reserved.size() == before + 1);
    }
    SUBCASE("command lines beyond all measure are cut, and told") {
        const auto platform = read(with_archive(
            joined({kernel, cpio_entry("cmdline", std::string(30'000, 'x')), cpio_end()})));
        CHECK(platform->boot_images[0].bootargs.size() == PlatformText::capacity);
        CHECK(platform->notes.size() == 1);
    }
}

TEST_CASE("nodes come before a bundle") {
    const Loaded loaded;
    Loaded::own({{".linux", "kernel"}});
    const Dtb dtb = Dtb::load("virt-modules.dtb");
    const auto platform = read(dtb);
    REQUIRE(platform->boot_images.size() == 2);
    CHECK(platform->boot_images[0].kernel.begin == PhysAddr{0x4a00'0000});
    CHECK(platform->bootargs == "baton.slot=128M baton.rotate");
}
