// SPDX-License-Identifier: BSD-2-Clause
#include "hyp/platform/division/device_walks.hpp"

namespace baton {

namespace {

/// Is there a child in it, at the address that it has on the parent's bus?
bool has_child_in(const FdtWalk& walk, CellCounts cells, PhysRange range) {
    bool found = false;
    for_each_child(walk.node(), [&](FdtNode child) {
        const auto reg = CellReader{child.get("reg").value_or(Bytes{})}.take_range(cells);
        const auto on_cpu = reg && !reg->empty() ? walk.to_cpu(*reg) : std::nullopt;
        found = found || (on_cpu && range.contains(*on_cpu));
    });
    return found;
}

} // namespace

bool is_window_of(const FdtWalk& walk, PhysRange range) {
    const FdtNode bus = walk.node();
    const CellCounts cells = bus.child_cells();
    const auto ranges = bus.get("ranges");
    if (!ranges || ranges->empty()) {
        return ranges && has_child_in(walk, cells, range);
    }
    CellReader reader{*ranges};
    while (reader.skip(cells.address)) {
        const auto window = reader.take_range({walk.cells().address, cells.size});
        if (!window) {
            break;
        }
        if (walk.to_cpu(*window) == range) {
            return true;
        }
    }
    return false;
}

} // namespace baton
