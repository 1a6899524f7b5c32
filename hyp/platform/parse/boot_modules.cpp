// SPDX-License-Identifier: BSD-2-Clause
#include "hyp/platform/parse/boot_modules.hpp"

#include <algorithm>

namespace baton {

namespace {

struct Module {
    enum class Kind : u8 { kernel, ramdisk };
    Kind kind;
    bool is_paired = false;
    PhysRange range;
    FdtNode node;
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
        if (!modules.push({.kind = *kind, .range = *range, .node = node})) {
            result = std::unexpected(Error::too_many);
        }
    });
    return result;
}

/// What the nodes say themselves. Images are as many as kernels, in the modules' order.
Result<> pair_by_name(Modules& modules, BootImages& images, const char*& problem) {
    for (const Module& kernel : modules) {
        if (kernel.kind != Module::Kind::kernel) {
            continue;
        }
        if (!images.push({kernel.range, std::nullopt, kernel.node.string("bootargs")})) {
            return std::unexpected(Error::too_many);
        }
        const auto name = kernel.node.number("baton,ramdisk");
        if (!name) {
            continue;
        }
        auto* const ramdisk = std::ranges::find_if(modules, [&](const Module& module) {
            return module.kind == Module::Kind::ramdisk && module.node.phandle() == name;
        });
        if (ramdisk == modules.end()) {
            problem = "a boot module's baton,ramdisk names no boot module of type ramdisk";
            continue;
        }
        ramdisk->is_paired = true;
        images[images.size() - 1].ramdisk = ramdisk->range;
    }
    return {};
}

/// The rest. A single kernel's ramdisk may lie anywhere. With more of them the order of the nodes
/// says nothing (QEMU puts the newest first), but the addresses do: a kernel, its ramdisk, the next
/// kernel …
void pair_by_address(const Modules& modules, BootImages& images, const char*& problem) {
    BootImage* takes_ramdisk = images.size() == 1 ? images.begin() : nullptr;
    BootImage* next = images.begin();
    for (const Module& module : modules) {
        if (module.kind == Module::Kind::kernel) {
            takes_ramdisk = next++;
        } else if (module.is_paired) {
            continue;
        } else if (takes_ramdisk == nullptr) {
            problem = "a boot module of type ramdisk lies below every kernel, and no kernel's "
                      "baton,ramdisk names it";
        } else if (takes_ramdisk->ramdisk) {
            problem = "there are more boot modules of type ramdisk than kernels to take them in "
                      "the order of their addresses; baton,ramdisk can name a kernel's";
        } else {
            takes_ramdisk->ramdisk = module.range;
        }
    }
}

} // namespace

Result<> read_boot_images(FdtNode node, CellCounts cells, BootImages& images,
                          const char*& problem) {
    Modules modules;
    if (auto result = collect(node, node.child_cells(cells), modules, problem); !result) {
        return result;
    }
    std::sort(modules.begin(), modules.end(),
              [](const Module& a, const Module& b) { return a.range.begin < b.range.begin; });
    if (auto result = pair_by_name(modules, images, problem); !result) {
        return result;
    }
    pair_by_address(modules, images, problem);
    return {};
}

} // namespace baton
