// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/platform/fdt.hpp"
#include "hyp/result.hpp"
#include "hyp/static_vector.hpp"

#include <optional>
#include <string_view>

namespace baton {

/// What a node is decides what becomes of it and of its properties.
enum class NodeKind { plain, root, chosen, cpus, cpu, memory, psci, gic, its };

/// Which nodes and properties of the firmware's DTB a guest gets as they are.
class GuestDtbFilter {
  public:
    /// @param for_host the next kernel gets the machine as the firmware described it
    /// @param has_spin_table its CPUs are started by another method than the firmware said
    GuestDtbFilter(const Fdt& source, bool for_host, bool has_spin_table)
        : chosen_{source.find("/chosen")}, cpus_{source.find("/cpus")}, for_host_{for_host},
          has_spin_table_{has_spin_table} {}

    /// Collects what other nodes may refer to but the guest has not. Errors: too_many.
    Result<> find_hidden(const Fdt& source);

    const std::optional<FdtNode>& chosen() const { return chosen_; }
    NodeKind kind_of(FdtNode node, NodeKind parent) const;
    /// With everything below the node.
    bool drops(FdtNode node, NodeKind parent) const;
    /// @param kind of the property's node
    bool keeps(const FdtProperty& property, NodeKind kind) const;

  private:
    bool refers_to_hidden(const FdtProperty& property) const;
    bool is_hidden(std::optional<u64> phandle) const;

    std::optional<FdtNode> chosen_;
    std::optional<FdtNode> cpus_;
    bool for_host_;
    bool has_spin_table_;
    StaticVector<u32, 128> hidden_; ///< phandles of MSI controllers
};

} // namespace baton
