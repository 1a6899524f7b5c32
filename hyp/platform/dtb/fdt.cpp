// SPDX-License-Identifier: BSD-2-Clause
#include "hyp/platform/dtb/fdt.hpp"

#include <algorithm>
#include <libfdt.h>

namespace baton {

namespace {

constexpr usize cell_size = 4;

bool has_name(const void* fdt, int property) {
    const char* name = nullptr;
    return fdt_getprop_by_offset(fdt, property, &name, nullptr) != nullptr && name != nullptr;
}

/// Walks the structure block once. libfdt's readers check their own bounds, but go on past a
/// property behind a subnode or a second root as if it weren't there; here that is damage.
bool is_well_formed(const void* fdt) {
    int depth = 0;
    int next = 0;
    bool properties_allowed = false;
    for (int offset = 0;; offset = next) {
        switch (fdt_next_tag(fdt, offset, &next)) {
        case FDT_BEGIN_NODE:
            if (depth == 0 && offset != 0) {
                return false;
            }
            depth++;
            properties_allowed = true;
            break;
        case FDT_END_NODE:
            if (--depth < 0) {
                return false;
            }
            properties_allowed = false;
            break;
        case FDT_PROP:
            if (!properties_allowed || !has_name(fdt, offset)) {
                return false;
            }
            break;
        case FDT_NOP:
            if (offset == 0) {
                return false;
            }
            break;
        default: // FDT_END, in its place or by damage
            return next >= 0 && depth == 0 && offset != 0;
        }
    }
}

} // namespace

std::optional<u64> CellReader::take(u32 cells) {
    if (cells > 2 || cells * cell_size > rest_.size()) {
        return std::nullopt;
    }
    u64 value = 0;
    for (std::byte byte : rest_.first(cells * cell_size)) {
        value = value << 8 | std::to_integer<u64>(byte);
    }
    rest_ = rest_.subspan(cells * cell_size);
    return value;
}

std::optional<PhysRange> CellReader::take_range(CellCounts cells) {
    const auto address = take(cells.address);
    const auto size = take(cells.size);
    if (!address || !size) {
        return std::nullopt;
    }
    return PhysRange::make({*address}, *size);
}

bool CellReader::skip(u32 cells) {
    if (cells > rest_.size() / cell_size) {
        return false;
    }
    rest_ = rest_.subspan(cells * cell_size);
    return true;
}

std::optional<Bytes> CellReader::take_cells(u32 cells) {
    const Bytes all = rest_;
    return skip(cells) ? std::optional{all.first(cells * cell_size)} : std::nullopt;
}

std::optional<std::string_view> StringReader::take() {
    const auto nul = std::find(rest_.begin(), rest_.end(), std::byte{0});
    if (nul == rest_.end()) {
        return std::nullopt;
    }
    const auto length = static_cast<usize>(nul - rest_.begin());
    const std::string_view text{reinterpret_cast<const char*>(rest_.data()), length};
    rest_ = rest_.subspan(length + 1);
    return text;
}

std::string_view FdtNode::name() const {
    int length = 0;
    const char* text = fdt_get_name(fdt_, offset_, &length);
    return text ? std::string_view{text, static_cast<usize>(length)} : std::string_view{""};
}

std::optional<Bytes> FdtNode::get(std::string_view property) const {
    int length = 0;
    const void* value = fdt_getprop_namelen(fdt_, offset_, property.data(),
                                            static_cast<int>(property.size()), &length);
    if (!value) {
        return std::nullopt;
    }
    return Bytes{static_cast<const std::byte*>(value), static_cast<usize>(length)};
}

std::string_view FdtNode::string(std::string_view property) const {
    return StringReader{get(property).value_or(Bytes{})}.take().value_or("");
}

std::optional<u32> FdtNode::number(std::string_view property) const {
    const auto value = get(property);
    if (!value || value->size() != cell_size) {
        return std::nullopt;
    }
    return static_cast<u32>(*CellReader{*value}.take(1));
}

bool FdtNode::is_compatible(std::string_view wanted) const {
    StringReader strings{get("compatible").value_or(Bytes{})};
    while (const auto text = strings.take()) {
        if (*text == wanted) {
            return true;
        }
    }
    return false;
}

bool FdtNode::is_enabled() const {
    const std::string_view status = string("status");
    return !has("status") || status == "okay" || status == "ok";
}

std::optional<u32> FdtNode::phandle() const {
    const auto value = number("phandle");
    return value ? value : number("linux,phandle");
}

CellCounts FdtNode::child_cells(CellCounts fallback) const {
    return {number("#address-cells").value_or(fallback.address),
            number("#size-cells").value_or(fallback.size)};
}

std::optional<FdtNode> FdtNode::first_child() const {
    const int child = fdt_first_subnode(fdt_, offset_);
    return child < 0 ? std::nullopt : std::optional{FdtNode{fdt_, child}};
}

std::optional<FdtNode> FdtNode::next_sibling() const {
    const int sibling = fdt_next_subnode(fdt_, offset_);
    return sibling < 0 ? std::nullopt : std::optional{FdtNode{fdt_, sibling}};
}

std::optional<FdtNode> FdtNode::next_node() const {
    const int next = fdt_next_node(fdt_, offset_, nullptr);
    return next < 0 ? std::nullopt : std::optional{FdtNode{fdt_, next}};
}

int FdtNode::end_offset() const {
    int depth = 0;
    int next = offset_;
    do {
        switch (fdt_next_tag(fdt_, next, &next)) {
        case FDT_BEGIN_NODE:
            depth++;
            break;
        case FDT_END_NODE:
            depth--;
            break;
        default:
            break;
        }
    } while (depth > 0); // ends: `open` has seen that every node does
    return next;
}

std::string_view FdtNode::path(std::span<char> buffer) const {
    if (fdt_get_path(fdt_, offset_, buffer.data(), static_cast<int>(buffer.size())) != 0) {
        return name();
    }
    return {buffer.data()};
}

Result<Fdt> Fdt::open_unchecked(Bytes dtb) {
    const void* fdt = dtb.data();
    // Version 17 (2007) is the first with a size for each block.
    if (dtb.size() < sizeof(fdt_header) || fdt_check_header(fdt) != 0 || fdt_version(fdt) < 17 ||
        fdt_totalsize(fdt) > dtb.size()) {
        return std::unexpected(Error::bad_dtb);
    }
    // libfdt reads both blocks through pointers of these alignments.
    if (!is_aligned(fdt_off_mem_rsvmap(fdt), 8) || !is_aligned(fdt_off_dt_struct(fdt), 4)) {
        return std::unexpected(Error::bad_dtb);
    }
    return Fdt{dtb.first(fdt_totalsize(fdt))};
}

Result<Fdt> Fdt::open(Bytes dtb) {
    const auto fdt = open_unchecked(dtb);
    if (fdt && (fdt_num_mem_rsv(fdt->data()) < 0 || !is_well_formed(fdt->data()))) {
        return std::unexpected(Error::bad_dtb);
    }
    return fdt;
}

std::optional<FdtNode> Fdt::find(std::string_view path) const {
    if (path.empty()) {
        return std::nullopt;
    }
    const int node = fdt_path_offset_namelen(data(), path.data(), static_cast<int>(path.size()));
    return node < 0 ? std::nullopt : std::optional{FdtNode{data(), node}};
}

std::optional<FdtNode> Fdt::find_phandle(u32 phandle) const {
    const int node = fdt_node_offset_by_phandle(data(), phandle);
    return node < 0 ? std::nullopt : std::optional{FdtNode{data(), node}};
}

FdtProperty Fdt::property_at(int offset) const {
    const char* name = "";
    int length = 0;
    const void* value = fdt_getprop_by_offset(data(), offset, &name, &length);
    return {name, {static_cast<const std::byte*>(value), static_cast<usize>(value ? length : 0)}};
}

u32 Fdt::reservation_count() const { return static_cast<u32>(fdt_num_mem_rsv(data())); }

std::optional<PhysRange> Fdt::reservation(u32 at) const {
    u64 address = 0;
    u64 size = 0;
    if (fdt_get_mem_rsv(data(), static_cast<int>(at), &address, &size) != 0) {
        return std::nullopt;
    }
    return PhysRange::make({address}, size);
}

} // namespace baton
