// SPDX-License-Identifier: BSD-2-Clause
#include "hyp/platform/boot_modules.hpp"

#include <algorithm>

namespace baton {

namespace {

struct Module {
    enum class Kind { kernel, ramdisk };
    Kind kind;
    PhysRange range;
    std::string_view bootargs;
};

using Modules = StaticVector<Module, 2 * BootImages::capacity>;

std::optional<Module::Kind> module_kind(FdtNode node) {
    if (node.is_compatible("multiboot,kernel")) {
        return Module::Kind::kernel;
    }
    if (node.is_compatible("multiboot,ramdisk")) {
        return Module::Kind::ramdisk;
    }
    return std::nullopt;
}

Result<> collect(FdtNode parent, CellCounts cells, Modules& modules, const char*& problem) {
    Result<> result;
    for_each_child(parent, [&](FdtNode node) {
        if (!result || !node.is_compatible("multiboot,module") || !node.is_enabled()) {
            return;
        }
        const auto kind = module_kind(node);
        const auto range = CellReader{node.get("reg").value_or(Bytes{})}.take_range(cells);
        if (!kind || !range || range->empty()) {
            problem = "a boot module is neither kernel nor ramdisk, or is empty";
            return;
        }
        if (!modules.push({*kind, *range, node.string("bootargs")})) {
            result = std::unexpected(Error::too_many);
        }
    });
    return result;
}

/// The order of the nodes says nothing (QEMU puts the newest first), the addresses do: a kernel,
/// its ramdisk, the next kernel …
Result<> pair_up(Modules& modules, BootImages& images, const char*& problem) {
    std::sort(modules.begin(), modules.end(),
              [](const Module& a, const Module& b) { return a.range.begin < b.range.begin; });
    bool takes_ramdisk = false;
    for (const Module& module : modules) {
        if (module.kind == Module::Kind::kernel) {
            if (!images.push({module.range, std::nullopt, module.bootargs})) {
                return std::unexpected(Error::too_many);
            }
            takes_ramdisk = true;
        } else if (takes_ramdisk) {
            images[images.size() - 1].ramdisk = module.range;
            takes_ramdisk = false;
        } else {
            problem = "a ramdisk among the boot modules follows no kernel";
        }
    }
    return {};
}

} // namespace

Result<> read_boot_images(FdtNode node, CellCounts cells, BootImages& images,
                          const char*& problem) {
    Modules modules;
    if (auto result = collect(node, node.child_cells(cells), modules, problem); !result) {
        return result;
    }
    return pair_up(modules, images, problem);
}

} // namespace baton
