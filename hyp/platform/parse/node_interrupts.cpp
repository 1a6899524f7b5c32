// SPDX-License-Identifier: BSD-2-Clause
#include "hyp/platform/parse/node_interrupts.hpp"

namespace baton {

namespace {

Bytes property(const FdtWalk& walk, std::string_view name) {
    return walk.node().get(name).value_or(Bytes{});
}

} // namespace

std::optional<FdtNode> interrupt_parent(const FdtWalk& walk) {
    FdtNode node = walk.node();
    for (usize depth = walk.depth();; depth--) {
        if (const auto phandle = node.number("interrupt-parent")) {
            return walk.fdt().find_phandle(*phandle);
        }
        if (depth == 0) {
            return std::nullopt;
        }
        node = walk.ancestor(depth - 1);
        if (node.has("#interrupt-cells")) {
            return node;
        }
    }
}

InterruptReader::InterruptReader(const FdtWalk& walk, const InterruptController& controller)
    : walk_{walk}, controller_{controller}, plain_{Bytes{}},
      extended_{property(walk, "interrupts-extended")}, mapped_{property(walk, "interrupt-map")} {
    const FdtNode node = walk.node();
    cells_before_parent_ =
        node.number("#address-cells").value_or(0) + node.number("#interrupt-cells").value_or(0);
    // With interrupts-extended the plain ones do not count.
    if (extended_.at_end() && node.has("interrupts") && interrupt_parent(walk) == controller.node) {
        plain_ = CellReader{property(walk, "interrupts")};
    }
}

std::optional<Bytes> InterruptReader::take() {
    if (const auto found = take_plain()) {
        return found;
    }
    if (const auto found = take_extended()) {
        return found;
    }
    return take_mapped();
}

std::optional<Bytes> InterruptReader::take_plain() { return plain_.take_cells(controller_.cells); }

std::optional<Bytes> InterruptReader::take_extended() {
    while (const auto phandle = extended_.take(1)) {
        if (*phandle == controller_.phandle) {
            return extended_.take_cells(controller_.cells);
        }
        const auto other = walk_.fdt().find_phandle(static_cast<u32>(*phandle));
        if (!other || !extended_.skip(other->number("#interrupt-cells").value_or(0))) {
            break;
        }
    }
    extended_ = CellReader{Bytes{}};
    return std::nullopt;
}

/// Entries of: an address below the nexus, a specifier there, a controller, an address there, a
/// specifier there (2.4.3.1).
std::optional<Bytes> InterruptReader::take_mapped() {
    while (mapped_.skip(cells_before_parent_)) {
        const auto phandle = mapped_.take(1);
        const auto parent =
            phandle ? walk_.fdt().find_phandle(static_cast<u32>(*phandle)) : std::nullopt;
        if (!parent || !mapped_.skip(parent->number("#address-cells").value_or(0))) {
            break;
        }
        const auto specifier = mapped_.take_cells(parent->number("#interrupt-cells").value_or(0));
        if (!specifier) {
            break;
        }
        if (*parent == controller_.node) {
            return specifier;
        }
    }
    mapped_ = CellReader{Bytes{}};
    return std::nullopt;
}

} // namespace baton
