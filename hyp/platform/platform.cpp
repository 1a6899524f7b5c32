// SPDX-License-Identifier: BSD-2-Clause
#include "hyp/platform/platform.hpp"

#include "hyp/platform/bundle/bundle.hpp"
#include "hyp/platform/guest/guest_dtb.hpp"
#include "hyp/platform/parse/parse.hpp"

#include <libfdt.h>

namespace baton {

Result<std::span<const std::byte>> locate_dtb(const void* address) {
    if (!is_aligned(reinterpret_cast<std::uintptr_t>(address), 8) || address == nullptr ||
        fdt_magic(address) != FDT_MAGIC || fdt_totalsize(address) > max_dtb_size) {
        return std::unexpected(Error::bad_dtb);
    }
    return Bytes{static_cast<const std::byte*>(address), fdt_totalsize(address)};
}

Result<void> parse_platform(std::span<const std::byte> dtb, Platform& platform) {
    const auto fdt = Fdt::open(dtb);
    if (!fdt) {
        return fail(platform, fdt.error(), "the DTB's header or structure is damaged");
    }
    for (auto parse :
         {parse_cpus, parse_memory, parse_chosen, parse_stdout, parse_bundle, parse_devices}) {
        if (auto result = parse(*fdt, platform); !result) {
            return result;
        }
    }
    return {};
}

void refer_to(std::span<const std::byte> copy, std::span<const std::byte> dtb, Platform& platform) {
    const auto move = [&](std::string_view& text) {
        const auto* const begin = reinterpret_cast<const std::byte*>(text.data());
        if (!text.empty() && begin >= dtb.data() && begin < dtb.data() + dtb.size()) {
            const std::byte* const moved = copy.data() + (begin - dtb.data());
            text = {reinterpret_cast<const char*>(moved), text.size()};
        }
    };
    move(platform.bootargs);
    for (BootImage& image : platform.boot_images) {
        move(image.bootargs);
    }
    FdtNode& controller = platform.interrupt_controller.node;
    if (controller != FdtNode{}) {
        controller = FdtNode{copy.data(), controller.offset()};
    }
}

} // namespace baton
