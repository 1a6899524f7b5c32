// SPDX-License-Identifier: BSD-2-Clause
#include "hyp/platform/parse/boot_modules.hpp"
#include "hyp/platform/parse/first_look.hpp"
#include "hyp/platform/parse/parse.hpp"

namespace baton {

namespace {

void collect_seed(FdtNode chosen, Platform& platform) {
    for (std::string_view name : {"kaslr-seed", "rng-seed"}) {
        for (std::byte byte : chosen.get(name).value_or(Bytes{})) {
            (void)platform.seed.push(byte); // more than there is room for is of no use
        }
    }
}

/// A property of one or two cells: loaders write either.
std::optional<u64> address(FdtNode chosen, std::string_view property) {
    const Bytes value = chosen.get(property).value_or(Bytes{});
    return value.size() == 4 || value.size() == 8
               ? CellReader{value}.take(static_cast<u32>(value.size() / 4))
               : std::nullopt;
}

} // namespace

std::optional<PhysRange> loaders_initrd(const Fdt& fdt) {
    const auto chosen = fdt.find("/chosen");
    const auto begin = chosen ? address(*chosen, "linux,initrd-start") : std::nullopt;
    const auto end = chosen ? address(*chosen, "linux,initrd-end") : std::nullopt;
    return begin && end && *end > *begin ? std::optional{PhysRange::between({*begin}, {*end})}
                                         : std::nullopt;
}

bool is_loaders_initrd(const Fdt& fdt, PhysRange reserved) {
    const auto initrd = loaders_initrd(fdt);
    return initrd && initrd->end().value <= ~page_size && whole_pages(*initrd).contains(reserved);
}

Result<> parse_chosen(const Fdt& fdt, Platform& platform) {
    const auto chosen = fdt.find("/chosen");
    if (!chosen) {
        note(platform, "no /chosen, so no boot modules");
        return {};
    }
    const FirstLook look = look_first(fdt);
    platform.bootargs = look.bootargs;
    platform.uart = look.uart;
    collect_seed(*chosen, platform);
    // /chosen is no bus, so it often has no cell counts of its own: the root's are meant then.
    const char* problem = nullptr;
    const auto read =
        read_boot_images(*chosen, fdt.root().child_cells(), platform.boot_images, problem);
    if (problem != nullptr) {
        note(platform, problem);
    }
    if (!read) {
        return fail(platform, read.error(), "more than 8 kernels or 16 modules to boot");
    }
    return {};
}

Result<> parse_stdout(const Fdt& fdt, Platform& platform) {
    if (!platform.uart && fdt.find("/chosen")) {
        note(platform, look_first(fdt).why_no_uart);
    }
    return {};
}

} // namespace baton
