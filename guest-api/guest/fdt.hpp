// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/address.hpp"

#include <optional>
#include <string_view>

/// The DTB that the guest was given, through libfdt.
namespace baton::guest {

class Node {
  public:
    static std::optional<Node> at_path(const char* path);
    static std::optional<Node> compatible_with(const char* name);
    /// The node of /chosen/stdout-path.
    static std::optional<Node> console();

    std::optional<Node> first_child() const;
    std::optional<Node> next_sibling() const;

    /// A string property; empty if there is none.
    std::string_view text(const char* property) const;
    /// A property of one or two cells.
    std::optional<u64> number(const char* property) const;
    /// The entry `at` of `reg`, by the parent's #address-cells and #size-cells.
    std::optional<PhysRange> reg(unsigned at = 0) const;
    /// The INTID of entry `at` of `interrupts`, in the GIC's form of three cells.
    std::optional<u32> interrupt(unsigned at = 0) const;
    /// Not "disabled".
    bool enabled() const;

  private:
    static constexpr int unknown = -1;
    explicit Node(int offset, int parent) : offset_{offset}, parent_{parent} {}
    static std::optional<Node> make(int offset, int parent = unknown);
    int offset_;
    int parent_; ///< or unknown: libfdt finds it by a walk from the root
};

/// False if `dtb` is none that libfdt can read.
bool use_dtb(const void* dtb);
PhysRange dtb_range();

/// The entry `at` of the memory reservation block.
std::optional<PhysRange> memory_reservation(unsigned at);

} // namespace baton::guest
