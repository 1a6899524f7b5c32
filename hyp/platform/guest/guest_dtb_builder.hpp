// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/platform/dtb/fdt_writer.hpp"
#include "hyp/platform/guest/guest_dtb.hpp"
#include "hyp/platform/guest/guest_dtb_filter.hpp"

#include <array>

namespace baton {

/// One walk over the firmware's DTB that writes the guest's.
class GuestDtbBuilder {
  public:
    GuestDtbBuilder(const Fdt& source, const GuestRequest& request, FdtWriter& writer,
                    GuestDtb& result)
        : source_{source}, request_{request}, filter_{source, request, result.scratch},
          writer_{writer}, result_{result} {}

    Result<> run();

  private:
    struct OpenNode {
        FdtNode node;
        NodeKind kind;
    };
    using NodeName = std::array<char, 40>;

    void write_reservations();
    Result<> copy_tree();
    bool enter(FdtNode node);
    void leave();

    // guest_dtb_nodes.cpp: what is not copied.
    void write_own_properties(FdtNode node, NodeKind kind);
    void write_own_nodes();
    void write_modules();
    void write_memory(FdtNode node);
    void write_memory_node();
    void write_shared_memory(const SharedMemoryNode& shared);
    void write_interrupt(GuestInterrupt interrupt);
    void write_status(FdtNode node);

    /// The node that is being written.
    OpenNode current() const {
        return open_.empty() ? OpenNode{{}, NodeKind::plain} : open_[open_.size() - 1];
    }

    const Fdt& source_;
    const GuestRequest& request_;
    GuestDtbFilter filter_;
    FdtWriter& writer_;
    GuestDtb& result_;
    StaticVector<OpenNode, 32> open_; ///< those that are begun and not ended, root first
};

} // namespace baton
