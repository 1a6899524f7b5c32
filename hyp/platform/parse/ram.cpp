// SPDX-License-Identifier: BSD-2-Clause
#include "hyp/platform/parse/parse.hpp"

namespace baton {

namespace {

Result<> reserve(Platform& platform, PhysRange range, bool no_map) {
    if (!range.empty() && !platform.reserved.push({range, no_map})) {
        return fail(platform, Error::too_many, "more than 512 reserved memory ranges");
    }
    return {};
}

void keep_whole_pages(decltype(Platform::ram)& ram) {
    for (usize i = 0; i < ram.size();) {
        const PhysRange range = ram[i];
        const PhysAddr last{align_down(range.end().value, page_size)};
        if (range.begin.value > last.value - page_size || last.value < page_size) {
            (void)ram.subtract(range); // as a whole, as the next two at its ends: no more ranges
            continue;
        }
        const PhysAddr first{align_up(range.begin.value, page_size)};
        (void)ram.subtract(PhysRange::between(range.begin, first));
        (void)ram.subtract(PhysRange::between(last, range.end()));
        i++;
    }
}

Result<> parse_ram(const Fdt& fdt, Platform& platform) {
    const CellCounts cells = fdt.root().child_cells();
    Result<> result;
    for_each_child(fdt.root(), [&](FdtNode node) {
        if (!result || node.string("device_type") != "memory" || !node.is_enabled()) {
            return;
        }
        CellReader reader{node.get("reg").value_or(Bytes{})};
        while (const auto range = reader.take_range(cells)) {
            if (!platform.ram.add(*range)) {
                result = fail(platform, Error::too_many, "more than 256 ranges of RAM");
                return;
            }
        }
    });
    if (!result) {
        return result;
    }
    keep_whole_pages(platform.ram); // only now: two banks may meet in the middle of one
    if (platform.ram.empty()) {
        return fail(platform, Error::bad_dtb, "no memory node");
    }
    return {};
}

} // namespace

Result<> parse_memory(const Fdt& fdt, Platform& platform) {
    if (auto result = parse_ram(fdt, platform); !result) {
        return result;
    }
    for (u32 i = 0; i < fdt.reservation_count(); i++) {
        const auto range = fdt.reservation(i);
        if (!range) {
            return fail(platform, Error::bad_dtb, "a memory reservation that wraps");
        }
        if (is_loaders_initrd(fdt, *range)) {
            continue;
        }
        if (auto result = reserve(platform, *range, false); !result) {
            return result;
        }
    }
    const auto parent = fdt.find("/reserved-memory");
    if (!parent) {
        return {};
    }
    // Nodes with a size but no reg ask the kernel to choose a place: they hold nothing yet.
    const CellCounts cells = parent->child_cells(fdt.root().child_cells());
    Result<> result;
    for_each_child(*parent, [&](FdtNode node) {
        CellReader reader{node.get("reg").value_or(Bytes{})};
        while (result && node.is_enabled()) {
            const auto range = reader.take_range(cells);
            if (!range) {
                break;
            }
            result = reserve(platform, *range, node.has("no-map"));
        }
    });
    return result;
}

} // namespace baton
