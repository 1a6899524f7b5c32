// SPDX-License-Identifier: BSD-2-Clause
#include "hyp/platform/boot_modules.hpp"
#include "hyp/platform/first_look.hpp"
#include "hyp/platform/parse.hpp"

namespace baton {

namespace {

void collect_seed(FdtNode chosen, Platform& platform) {
    for (std::string_view name : {"kaslr-seed", "rng-seed"}) {
        for (std::byte byte : chosen.get(name).value_or(Bytes{})) {
            (void)platform.seed.push(byte); // more than there is room for is of no use
        }
    }
}

} // namespace

Result<> parse_chosen(const Fdt& fdt, Platform& platform) {
    const auto chosen = fdt.find("/chosen");
    if (!chosen) {
        note(platform, "no /chosen, so no boot modules");
        return {};
    }
    const FirstLook look = look_first(fdt);
    platform.bootargs = look.bootargs;
    platform.uart = look.uart;
    if (!look.uart) {
        note(platform, look.why_no_uart);
    }
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

} // namespace baton
