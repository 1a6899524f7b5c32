// SPDX-License-Identifier: BSD-2-Clause
#include "guest-api/guest/fdt.hpp"

#include <libfdt.h>

#include <algorithm>
#include <array>

namespace baton::guest {

namespace {

const void* the_dtb;

/// `cells` big-endian cells from `at` on, as one number.
u64 join_cells(const fdt32_t* at, int cells) {
    u64 value = 0;
    for (int i = 0; i < cells; i++) {
        value = value << 32 | fdt32_ld(at + i);
    }
    return value;
}

} // namespace

bool use_dtb(const void* dtb) {
    the_dtb = dtb;
    return fdt_check_header(dtb) == 0;
}

PhysRange dtb_range() { return {{reinterpret_cast<u64>(the_dtb)}, fdt_totalsize(the_dtb)}; }

std::optional<PhysRange> memory_reservation(unsigned at) {
    if (at >= static_cast<unsigned>(fdt_num_mem_rsv(the_dtb))) {
        return std::nullopt;
    }
    u64 begin, size;
    fdt_get_mem_rsv(the_dtb, static_cast<int>(at), &begin, &size);
    return PhysRange::make({begin}, size);
}

std::optional<Node> Node::make(int offset, int parent) {
    return offset < 0 ? std::nullopt : std::optional{Node{offset, parent}};
}

std::optional<Node> Node::at_path(const char* path) { return make(fdt_path_offset(the_dtb, path)); }

std::optional<Node> Node::compatible_with(const char* name) {
    std::array<int, 8> ancestors{};
    int depth = 0;
    for (int node = fdt_next_node(the_dtb, -1, &depth); node >= 0;
         node = fdt_next_node(the_dtb, node, &depth)) {
        const auto level = static_cast<usize>(depth);
        if (level < ancestors.size()) {
            ancestors[level] = node;
        }
        if (fdt_node_check_compatible(the_dtb, node, name) == 0) {
            return make(node,
                        0 < level && level <= ancestors.size() ? ancestors[level - 1] : unknown);
        }
    }
    return std::nullopt;
}

std::optional<Node> Node::console() {
    const auto chosen = at_path("/chosen");
    if (!chosen) {
        return std::nullopt;
    }
    // An alias or a path, with options of the line behind a colon.
    const std::string_view path = chosen->text("stdout-path");
    const usize length = std::min(path.find(':'), path.size());
    return make(fdt_path_offset_namelen(the_dtb, path.data(), static_cast<int>(length)));
}

std::optional<Node> Node::first_child() const {
    return make(fdt_first_subnode(the_dtb, offset_), offset_);
}

std::optional<Node> Node::next_sibling() const {
    return make(fdt_next_subnode(the_dtb, offset_), parent_);
}

std::string_view Node::text(const char* property) const {
    int length;
    const auto* value = static_cast<const char*>(fdt_getprop(the_dtb, offset_, property, &length));
    return value == nullptr || length == 0
               ? std::string_view{}
               : std::string_view{value, static_cast<usize>(length) - 1};
}

std::optional<u64> Node::number(const char* property) const {
    int length;
    const auto* value =
        static_cast<const fdt32_t*>(fdt_getprop(the_dtb, offset_, property, &length));
    if (value == nullptr || (length != 4 && length != 8)) {
        return std::nullopt;
    }
    return join_cells(value, length / 4);
}

std::optional<PhysRange> Node::reg(unsigned at) const {
    const int parent = parent_ != unknown ? parent_ : fdt_parent_offset(the_dtb, offset_);
    const int address_cells = fdt_address_cells(the_dtb, parent);
    const int size_cells = fdt_size_cells(the_dtb, parent);
    int length;
    const auto* value = static_cast<const fdt32_t*>(fdt_getprop(the_dtb, offset_, "reg", &length));
    const int entry = address_cells + size_cells;
    if (value == nullptr || length < 4 * entry * static_cast<int>(at + 1)) {
        return std::nullopt;
    }
    value += entry * static_cast<int>(at);
    return PhysRange::make({join_cells(value, address_cells)},
                           join_cells(value + address_cells, size_cells));
}

std::optional<u32> Node::interrupt(unsigned at) const {
    int length;
    const auto* value =
        static_cast<const fdt32_t*>(fdt_getprop(the_dtb, offset_, "interrupts", &length));
    if (value == nullptr || length < 12 * static_cast<int>(at + 1)) {
        return std::nullopt;
    }
    const bool ppi = fdt32_ld(value + 3 * at) == 1;
    return fdt32_ld(value + 3 * at + 1) + (ppi ? 16 : 32);
}

bool Node::enabled() const {
    const std::string_view status = text("status");
    return status.empty() || status == "okay" || status == "ok";
}

} // namespace baton::guest
