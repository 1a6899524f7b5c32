// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/address.hpp"
#include "hyp/bytes.hpp"
#include "hyp/result.hpp"
#include "hyp/types.hpp"

#include <optional>
#include <span>
#include <string_view>

/// Reading a flattened device tree: libfdt behind types. A missing property and one of the wrong
/// size read alike, as nothing, so that odd trees need no code of their own.
namespace baton {

/// How many 32-bit cells an address and a size have in the children of one node.
struct CellCounts {
    u32 address = 2;
    u32 size = 1;
    bool operator==(const CellCounts&) const = default;
};

/// Takes big-endian numbers off the front of a property.
class CellReader {
  public:
    explicit CellReader(Bytes bytes) : rest_{bytes} {}

    /// A number of 0 (then it is 0), 1 or 2 cells. Nothing if it is longer or not all there.
    std::optional<u64> take(u32 cells);
    /// Address and size. Nothing at the end, and for ranges that wrap.
    std::optional<PhysRange> take_range(CellCounts cells);
    bool skip(u32 cells);
    /// So many cells as they are. Nothing if they are not all there.
    std::optional<Bytes> take_cells(u32 cells);
    bool at_end() const { return rest_.empty(); }

  private:
    Bytes rest_;
};

/// Takes NUL-terminated strings off the front of a property.
class StringReader {
  public:
    explicit StringReader(Bytes bytes) : rest_{bytes} {}
    std::optional<std::string_view> take();

  private:
    Bytes rest_;
};

/// One node of an open tree. A plain value: valid as long as the DTB's bytes stay as they are.
class FdtNode {
  public:
    FdtNode() = default;
    FdtNode(const void* fdt, int offset) : fdt_{fdt}, offset_{offset} {}

    bool operator==(const FdtNode&) const = default;
    int offset() const { return offset_; }

    /// With the unit address: "memory@40000000". The root's is empty. A NUL follows it.
    std::string_view name() const;
    bool has(std::string_view property) const { return get(property).has_value(); }
    std::optional<Bytes> get(std::string_view property) const;
    /// The first string of a property; empty if there is none.
    std::string_view string(std::string_view property) const;
    /// A property of one cell.
    std::optional<u32> number(std::string_view property) const;
    /// Is `wanted` one of the strings of `compatible`?
    bool is_compatible(std::string_view wanted) const;
    /// By `status`: absent, "okay" or "ok".
    bool is_enabled() const;
    std::optional<u32> phandle() const;
    /// What the node says of its children's `reg`, or `fallback` where it says nothing.
    CellCounts child_cells(CellCounts fallback = {}) const;

    std::optional<FdtNode> first_child() const;
    std::optional<FdtNode> next_sibling() const;
    /// In the DTB's order: a child comes before a sibling.
    std::optional<FdtNode> next_node() const;
    /// Of what follows the node and everything below it.
    int end_offset() const;
    /// From the root, as far as `buffer` has room for it.
    std::string_view path(std::span<char> buffer) const;

  private:
    const void* fdt_ = nullptr;
    int offset_ = 0;
};

struct FdtProperty {
    const char* name;
    Bytes value;
};

/// Calls visit(child) for each child of `node`, enabled or not.
template <class Visitor>
void for_each_child(FdtNode node, Visitor visit) {
    for (auto child = node.first_child(); child; child = child->next_sibling()) {
        visit(*child);
    }
}

/// Calls visit(node) for the node and all below it, enabled or not.
template <class Visitor>
void for_each_below(FdtNode node, Visitor visit) {
    const int end = node.end_offset();
    for (std::optional<FdtNode> each{node}; each && each->offset() < end;) {
        visit(*each);
        each = each->next_node();
    }
}

/// A tree whose header and structure have been checked from end to end.
class Fdt {
  public:
    /// Errors: bad_dtb.
    static Result<Fdt> open(Bytes dtb);
    /// The same of a tree of which only the header is checked. Its nodes and properties can be
    /// read, and a walk ends: at the damage, if there is some. For nothing else.
    /// Errors: bad_dtb.
    static Result<Fdt> open_unchecked(Bytes dtb);

    const void* data() const { return dtb_.data(); }
    Bytes bytes() const { return dtb_; }
    FdtNode root() const { return {data(), 0}; }
    /// By a full path ("/chosen") or one that begins with an alias ("serial0").
    std::optional<FdtNode> find(std::string_view path) const;
    std::optional<FdtNode> find_phandle(u32 phandle) const;

    /// @param offset of an FDT_PROP tag in the structure block
    FdtProperty property_at(int offset) const;

    /// The memory reservation block.
    u32 reservation_count() const;
    std::optional<PhysRange> reservation(u32 at) const;

  private:
    explicit Fdt(Bytes dtb) : dtb_{dtb} {}
    Bytes dtb_;
};

} // namespace baton
