// SPDX-License-Identifier: BSD-2-Clause
#include "hyp/platform/dtb/fdt_walk.hpp"

#include <libfdt.h>

namespace baton {

namespace {

/// One step towards the root through `ranges`: child address, parent address, size. An empty
/// property is 1:1; without one, children have no addresses outside (Devicetree
/// Specification, 2.3.8).
std::optional<PhysRange> through_ranges(FdtNode bus, u32 child_cells, u32 parent_cells,
                                        u32 size_cells, PhysRange range) {
    const auto ranges = bus.get("ranges");
    if (!ranges) {
        return std::nullopt;
    }
    if (ranges->empty()) {
        return range;
    }
    CellReader reader{*ranges};
    while (!reader.at_end()) {
        const auto child = reader.take(child_cells);
        const auto parent = reader.take(parent_cells);
        const auto size = reader.take(size_cells);
        if (!child || !parent || !size) {
            return std::nullopt;
        }
        const auto window = PhysRange::make({*child}, *size);
        const auto target = PhysRange::make({*parent}, *size);
        if (window && target && window->contains(range)) {
            return PhysRange{target->begin + (range.begin - window->begin), range.size};
        }
    }
    return std::nullopt;
}

} // namespace

FdtWalk::FdtWalk(const Fdt& fdt) : fdt_{fdt}, node_{fdt.root()} {}

bool FdtWalk::next() {
    if (too_deep_) {
        return false;
    }
    int offset = node_.offset();
    int depth = depth_;
    // `ceiling` is how deep a node may be to be visited: deeper ones belong to a subtree that is
    // passed over.
    int ceiling = enters_children_ ? depth + 1 : depth;
    for (;;) {
        offset = fdt_next_node(fdt_.data(), offset, &depth);
        if (offset < 0 || depth <= 0) {
            return false;
        }
        if (depth > ceiling) {
            continue;
        }
        const FdtNode candidate{fdt_.data(), offset};
        if (candidate.is_enabled()) {
            break;
        }
        ceiling = depth;
    }
    if (depth > depth_) {
        const CellCounts cells = node_.child_cells();
        if (!buses_.push({node_, cells})) {
            too_deep_ = true;
            return false;
        }
    }
    while (buses_.size() > static_cast<usize>(depth)) {
        buses_.erase(buses_.size() - 1);
    }
    node_ = {fdt_.data(), offset};
    depth_ = depth;
    enters_children_ = true;
    return true;
}

std::optional<PhysRange> FdtWalk::reg(u32 at) const {
    CellReader reader{node_.get("reg").value_or(Bytes{})};
    const CellCounts counts = cells();
    for (u32 i = 0; i < at; i++) {
        if (!reader.skip(counts.address) || !reader.skip(counts.size)) {
            return std::nullopt;
        }
    }
    const auto range = reader.take_range(counts);
    if (!range || range->empty()) {
        return std::nullopt;
    }
    return to_cpu(*range);
}

std::optional<PhysRange> FdtWalk::to_cpu(PhysRange on_bus) const {
    std::optional range{on_bus};
    for (usize i = buses_.size() - 1; i > 0 && range; i--) {
        const Bus& bus = buses_[i];
        range = through_ranges(bus.node, bus.child_cells.address, buses_[i - 1].child_cells.address,
                               bus.child_cells.size, *range);
    }
    return range;
}

} // namespace baton
