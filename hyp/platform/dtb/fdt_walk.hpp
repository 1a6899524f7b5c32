// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/platform/dtb/fdt.hpp"
#include "hyp/static_vector.hpp"

#include <optional>

namespace baton {

/// A walk over all enabled nodes below the root, parents first, in the DTB's order. It carries the
/// ancestors along, so that addresses are translated without a search for the parent:
///
///     for (FdtWalk walk{fdt}; walk.next();) { use(walk.node(), walk.reg(0)); }
class FdtWalk {
  public:
    explicit FdtWalk(const Fdt& fdt);

    /// To the next node. False at the end, and at a node that is nested too deep.
    bool next();
    /// The next `next` passes over everything below the current node.
    void skip_children() { enters_children_ = false; }
    bool too_deep() const { return too_deep_; }

    const Fdt& fdt() const { return fdt_; }
    FdtNode node() const { return node_; }
    FdtNode parent() const { return buses_[buses_.size() - 1].node; }
    /// How many ancestors the current node has.
    usize depth() const { return buses_.size(); }
    /// @param at less than depth(); 0 is the root
    FdtNode ancestor(usize at) const { return buses_[at].node; }
    /// How the current node writes its `reg`.
    CellCounts cells() const { return buses_[buses_.size() - 1].child_cells; }
    /// The at-th entry of `reg` as the CPU sees it. Nothing if there is no such entry, if it is
    /// empty, or if it is not an address of the CPU (below an I2C bus, say).
    std::optional<PhysRange> reg(u32 at) const;
    /// A range in the address space of the parent's children, as the CPU sees it.
    std::optional<PhysRange> to_cpu(PhysRange on_bus) const;

  private:
    struct Bus {
        FdtNode node;
        CellCounts child_cells;
    };
    static constexpr usize max_depth = 32;

    Fdt fdt_;
    FdtNode node_{};
    int depth_ = 0; ///< of node_; the root's is 0
    bool enters_children_ = true;
    bool too_deep_ = false;
    StaticVector<Bus, max_depth> buses_; ///< the ancestors of node_, root first
};

} // namespace baton
