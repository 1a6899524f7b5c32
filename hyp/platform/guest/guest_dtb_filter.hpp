// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/platform/dtb/fdt.hpp"
#include "hyp/platform/guest/guest_dtb.hpp"
#include "hyp/result.hpp"
#include "hyp/static_vector.hpp"

#include <optional>
#include <string_view>

namespace baton {

/// What a node is decides what becomes of it and of its properties.
enum class NodeKind {
    plain,
    root,
    chosen,
    cpus,
    cpu,
    memory,
    core,     ///< the architecture's: arch_nodes.hpp
    paths,    ///< names for other nodes
    reserved, ///< of reserved memory
    bus,      ///< not the VM's, but something on it is
    uart,     ///< that Baton makes for the VM
};

/// Which nodes and properties of the firmware's DTB a guest gets as they are.
///
/// One VM alone and the host VM get what is not another's. Another VM gets what it has, what every
/// VM has, the buses that these are on, and what has no registers but can be referred to: fixed
/// clocks, say.
class GuestDtbFilter {
  public:
    GuestDtbFilter(const Fdt& source, const GuestRequest& request, GuestDtb::Scratch& scratch);

    /// Collects what the guest has and has not. Errors: too_many.
    Result<> prepare();

    const std::optional<FdtNode>& chosen() const { return chosen_; }
    NodeKind kind_of(FdtNode node, NodeKind parent) const;
    /// With everything below the node.
    bool drops(FdtNode node, NodeKind parent) const;
    /// @param kind of the property's node
    bool keeps(const FdtProperty& property, FdtNode node, NodeKind kind) const;
    /// Is there memory of the guest in it?
    bool is_in_memory(PhysRange range) const;
    /// Is the machine divided, and this not the host VM?
    bool is_further_vm() const { return is_divided_ && request_.vm != host_vm; }
    /// Is the UART that Baton makes for the guest another one than the machine has there?
    bool makes_other_uart() const;

  private:
    bool hides_child_of_chosen(FdtNode node) const;
    bool hides_child_of_cpus(FdtNode node) const;
    bool hides_reserved(FdtNode node) const;
    bool is_anothers(FdtNode node) const;
    bool has_part_of_vm(FdtNode node) const;
    bool can_be_supply(FdtNode node) const;
    bool is_console(FdtNode node) const { return request_.console && node == uart_; }
    bool survives(std::string_view path) const;
    bool keeps_of_chosen(std::string_view name) const;
    bool keeps_of_uart(std::string_view name) const;
    bool refers_to_hidden(const FdtProperty& property) const;
    bool is_hidden(std::optional<u64> phandle) const;

    const Fdt& source_;
    const GuestRequest& request_;
    std::optional<FdtNode> chosen_;
    std::optional<FdtNode> cpus_;
    std::optional<FdtNode> uart_; ///< Baton's
    bool is_divided_;
    GuestDtb::Scratch& scratch_;
};

} // namespace baton
