// SPDX-License-Identifier: BSD-2-Clause
#include "hyp/platform/parse.hpp"

#include <algorithm>

namespace baton {

namespace {

struct Module {
    enum class Kind { kernel, ramdisk };
    Kind kind;
    PhysRange range;
    std::string_view bootargs;
};

using Modules = StaticVector<Module, 2 * Platform::max_boot_images>;

void collect_seed(FdtNode chosen, Platform& platform) {
    for (std::string_view name : {"kaslr-seed", "rng-seed"}) {
        for (std::byte byte : chosen.get(name).value_or(Bytes{})) {
            (void)platform.seed.push(byte); // more than there is room for is of no use
        }
    }
}

std::optional<Module::Kind> module_kind(FdtNode node) {
    if (node.is_compatible("multiboot,kernel")) {
        return Module::Kind::kernel;
    }
    if (node.is_compatible("multiboot,ramdisk")) {
        return Module::Kind::ramdisk;
    }
    return std::nullopt;
}

Result<> collect(FdtNode chosen, CellCounts cells, Platform& platform, Modules& modules) {
    Result<> result;
    for_each_child(chosen, [&](FdtNode node) {
        if (!result || !node.is_compatible("multiboot,module") || !node.is_enabled()) {
            return;
        }
        const auto kind = module_kind(node);
        const auto range = CellReader{node.get("reg").value_or(Bytes{})}.take_range(cells);
        if (!kind || !range || range->empty()) {
            note(platform, "a boot module is neither kernel nor ramdisk, or is empty");
            return;
        }
        if (!modules.push({*kind, *range, node.string("bootargs")})) {
            result = fail(platform, Error::too_many, "more than 16 boot modules");
        }
    });
    return result;
}

/// The order of the nodes says nothing (QEMU puts the newest first), the addresses do: a kernel,
/// its ramdisk, the next kernel …
Result<> pair_up(Modules& modules, Platform& platform) {
    std::sort(modules.begin(), modules.end(),
              [](const Module& a, const Module& b) { return a.range.begin < b.range.begin; });
    bool takes_ramdisk = false;
    for (const Module& module : modules) {
        if (module.kind == Module::Kind::kernel) {
            if (!platform.boot_images.push({module.range, std::nullopt, module.bootargs})) {
                return fail(platform, Error::too_many, "more than 8 kernels among the modules");
            }
            takes_ramdisk = true;
        } else if (takes_ramdisk) {
            platform.boot_images[platform.boot_images.size() - 1].ramdisk = module.range;
            takes_ramdisk = false;
        } else {
            note(platform, "a ramdisk among the boot modules follows no kernel");
        }
    }
    return {};
}

} // namespace

Result<> parse_chosen(const Fdt& fdt, Platform& platform) {
    const auto chosen = fdt.find("/chosen");
    if (!chosen) {
        note(platform, "no /chosen, so no boot modules");
        return {};
    }
    platform.bootargs = chosen->string("bootargs");
    collect_seed(*chosen, platform);
    // /chosen is no bus, so it often has no cell counts of its own: the root's are meant then.
    Modules modules;
    const CellCounts cells = chosen->child_cells(fdt.root().child_cells());
    if (auto result = collect(*chosen, cells, platform, modules); !result) {
        return result;
    }
    return pair_up(modules, platform);
}

} // namespace baton
