// SPDX-License-Identifier: BSD-2-Clause

/// libFuzzer: any bytes may follow Baton in its file, or be what the loader calls an initrd. What
/// is read must stay within bounds, and so must every image that is found.
#include "arch/arm64/platform/arch_platform.hpp"
#include "hyp/platform/bundle/bundle.hpp"
#include "tests/unit/platform/loaded_memory.hpp"

#include <cstdlib>
#include <libfdt.h>
#include <memory>

using namespace baton;

namespace {

constexpr PhysAddr own_at{0x4020'0000};
constexpr PhysAddr archive_at{0x4800'0004};
constexpr u64 header_size = 512;

std::vector<std::byte> chosen(u64 begin, u64 end, const std::string& bootargs) {
    std::vector<std::byte> dtb(4096);
    const bool made = fdt_create_empty_tree(dtb.data(), static_cast<int>(dtb.size())) == 0 &&
                      fdt_add_subnode(dtb.data(), 0, "chosen") > 0 &&
                      fdt_setprop_u64(dtb.data(), fdt_path_offset(dtb.data(), "/chosen"),
                                      "linux,initrd-start", begin) == 0 &&
                      fdt_setprop_u64(dtb.data(), fdt_path_offset(dtb.data(), "/chosen"),
                                      "linux,initrd-end", end) == 0 &&
                      fdt_setprop_string(dtb.data(), fdt_path_offset(dtb.data(), "/chosen"),
                                         "bootargs", bootargs.c_str()) == 0;
    if (!made) {
        std::abort();
    }
    return dtb;
}

void expect(bool holds) {
    if (!holds) {
        std::abort();
    }
}

} // namespace

/// The first byte: is there a file of Baton's with sections, as the rest says, or an archive?
extern "C" int LLVMFuzzerTestOneInput(const u8* data, usize size) {
    if (size < 2) {
        return 0;
    }
    const auto* const begin = reinterpret_cast<const std::byte*>(data) + 1;
    const std::vector<std::byte> bytes(begin, begin + size - 1);
    auto& memory = test::LoadedMemory::here();
    memory.clear();
    const bool is_archive = (data[0] & 1) != 0;
    if (is_archive) {
        memory.put(archive_at, bytes);
    } else {
        memory.header.assign(bytes.begin(),
                             bytes.begin() + static_cast<std::ptrdiff_t>(
                                                 std::min<usize>(bytes.size(), header_size)));
        memory.own = {own_at, header_size};
        memory.put(own_at, bytes);
    }
    const PhysRange loaded{is_archive ? archive_at : own_at, bytes.size()};
    auto platform = std::make_unique<arm64::FullPlatform>();
    (void)platform->ram.add(loaded);
    const std::string words(reinterpret_cast<const char*>(bytes.data()),
                            std::min<usize>(bytes.size(), 64));
    const auto dtb = chosen(archive_at.value, archive_at.value + bytes.size(), words);
    const auto fdt = Fdt::open(dtb);
    expect(fdt.has_value());
    platform->bootargs = fdt->find("/chosen")->string("bootargs");
    expect(parse_bundle(*fdt, *platform).has_value());
    for (const BootImage& image : platform->boot_images) {
        expect(loaded.contains(image.kernel) && !image.kernel.empty());
        expect(!image.ramdisk || (loaded.contains(*image.ramdisk) && !image.ramdisk->empty()));
        expect(image.bootargs.size() <= PlatformText::capacity);
    }
    expect(platform->text.size() <= PlatformText::capacity);
    return 0;
}
