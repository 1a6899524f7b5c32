// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/platform/dtb/fdt_walk.hpp"
#include "hyp/platform/platform.hpp"

#include <optional>

/// What a node says of its interrupts (Devicetree Specification, 2.4) and of its messages.
namespace baton {

/// The specifiers of a node's interrupts at the machine's interrupt controller, one after another:
/// those of `interrupts`, `interrupts-extended` and, of a nexus, `interrupt-map`.
class InterruptReader {
  public:
    InterruptReader(const FdtWalk& walk, const InterruptController& controller);

    /// Nothing at the end.
    std::optional<Bytes> take();

  private:
    std::optional<Bytes> take_plain();
    std::optional<Bytes> take_extended();
    std::optional<Bytes> take_mapped();

    const FdtWalk& walk_;
    const InterruptController& controller_;
    CellReader plain_;
    CellReader extended_;
    CellReader mapped_;
    u32 cells_before_parent_ = 0; ///< of an entry of `interrupt-map`
};

/// The node at which `interrupts` of the walk's node counts: by its `interrupt-parent`, an
/// ancestor's, or that ancestor itself. Nothing if there is none.
std::optional<FdtNode> interrupt_parent(const FdtWalk& walk);

/// Calls visit(phandle) for each controller that `msi-parent` or `msi-map` of the node names.
template <class Visitor>
void for_each_message_controller(const FdtWalk& walk, Visitor visit) {
    CellReader parents{walk.node().get("msi-parent").value_or(Bytes{})};
    while (const auto phandle = parents.take(1)) {
        visit(static_cast<u32>(*phandle));
        const auto controller = walk.fdt().find_phandle(static_cast<u32>(*phandle));
        if (!controller || !parents.skip(controller->number("#msi-cells").value_or(0))) {
            break;
        }
    }
    // Entries of: first requester ID, controller, first message ID, count.
    CellReader map{walk.node().get("msi-map").value_or(Bytes{})};
    while (map.skip(1)) {
        const auto phandle = map.take(1);
        if (!phandle || !map.skip(2)) {
            break;
        }
        visit(static_cast<u32>(*phandle));
    }
}

} // namespace baton
