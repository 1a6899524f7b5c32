// SPDX-License-Identifier: BSD-2-Clause
#include "hyp/log/format.hpp"
#include "hyp/platform/arch_nodes.hpp"
#include "hyp/platform/guest/guest_chosen.hpp"
#include "hyp/platform/guest/guest_dtb_builder.hpp"
#include "hyp/platform/parse/parse.hpp"

#include <algorithm>

namespace baton {

namespace {

/// "kind@address". A NUL follows.
const char* name_at(std::span<char> name, std::string_view kind, PhysAddr address) {
    std::array<char, 20> number{};
    const std::string_view digits = format(number, "{x}", address.value).substr(2); // without 0x
    format(name.first(name.size() - 1), "{}@{}", kind, digits);
    return name.data();
}

} // namespace

void GuestDtbBuilder::write_own_properties(FdtNode node, NodeKind kind) {
    switch (kind) {
    case NodeKind::chosen:
        write_chosen(writer_, request_);
        break;
    case NodeKind::memory:
        write_memory(node);
        break;
    case NodeKind::cpu:
        write_status(node);
        break;
    case NodeKind::core:
        arch::write_own_properties(request_, node, writer_, result_);
        break;
    case NodeKind::uart:
        if (filter_.makes_other_uart()) {
            writer_.string("compatible", "arm,sbsa-uart");
            writer_.cells("current-speed", 1, 115'200); // Linux's driver asks for one
        }
        write_interrupt(*request_.console);
        break;
    default:
        break;
    }
}

/// At the end of the root.
void GuestDtbBuilder::write_own_nodes() {
    if (!filter_.chosen()) {
        writer_.begin_node("chosen");
        write_chosen(writer_, request_);
        write_modules();
        writer_.end_node();
    }
    if (filter_.is_further_vm()) {
        write_memory_node();
    }
    for (const SharedMemoryNode& shared : request_.shared) {
        write_shared_memory(shared);
    }
    arch::write_own_nodes(request_, writer_);
}

void GuestDtbBuilder::write_modules() {
    const CellCounts root = source_.root().child_cells();
    baton::write_modules(writer_, filter_.chosen() ? filter_.chosen()->child_cells(root) : root,
                         request_.modules);
}

/// Each bank keeps its node, and with it a numa-node-id; only its reg shrinks to what the guest has
/// of it. A bank of which nothing is left is disabled: no reg at all would be an error.
void GuestDtbBuilder::write_memory(FdtNode node) {
    const CellCounts cells = source_.root().child_cells();
    const Bytes reg = node.get("reg").value_or(Bytes{});
    const auto for_each_piece = [&](auto visit) {
        CellReader banks{reg};
        while (const auto bank = banks.take_range(cells)) {
            for (const PhysRange& range : request_.memory) {
                const PhysAddr begin = std::max(bank->begin, range.begin);
                const PhysAddr end = std::min(bank->end(), range.end());
                if (begin < end) {
                    visit(PhysRange::between(begin, end));
                }
            }
        }
    };
    usize pieces = 0;
    for_each_piece([&](PhysRange) { pieces++; });
    if (pieces == 0) {
        writer_.property("reg", reg);
        writer_.string("status", "disabled");
        return;
    }
    CellWriter smaller{writer_.property("reg", pieces * 4 * (cells.address + cells.size))};
    for_each_piece([&](PhysRange piece) {
        smaller.put(cells.address, to_guest(piece.begin).value);
        smaller.put(cells.size, piece.size);
    });
}

/// The banks of the firmware are the machine's; this VM's memory is in one node.
void GuestDtbBuilder::write_memory_node() {
    if (request_.memory.empty()) {
        return;
    }
    const CellCounts cells = source_.root().child_cells();
    NodeName name{};
    writer_.begin_node(name_at(name, "memory", request_.memory[0].begin));
    writer_.string("device_type", "memory");
    CellWriter reg{
        writer_.property("reg", request_.memory.size() * 4 * (cells.address + cells.size))};
    for (const PhysRange& range : request_.memory) {
        reg.put(cells.address, to_guest(range.begin).value);
        reg.put(cells.size, range.size);
    }
    writer_.end_node();
}

void GuestDtbBuilder::write_shared_memory(const SharedMemoryNode& shared) {
    const CellCounts cells = source_.root().child_cells();
    NodeName name{};
    writer_.begin_node(name_at(name, "shared-memory", shared.range.begin));
    writer_.string("compatible", "baton,shared-memory");
    CellWriter reg{writer_.property("reg", 4 * (cells.address + cells.size))};
    reg.put(cells.address, to_guest(shared.range.begin).value);
    reg.put(cells.size, shared.range.size);
    write_interrupt({.id = shared.doorbell, .is_edge = true});
    writer_.cells("baton,region", 1, shared.number);
    writer_.string("label", shared.name);
    writer_.end_node();
}

void GuestDtbBuilder::write_interrupt(GuestInterrupt interrupt) {
    const InterruptController& controller = request_.division->platform().interrupt_controller;
    if (controller.phandle) {
        writer_.cells("interrupt-parent", 1, *controller.phandle);
    }
    arch::write_interrupt(interrupt, writer_.property("interrupts", 4 * controller.cells));
}

void GuestDtbBuilder::write_status(FdtNode node) {
    const bool is_usable = is_usable_cpu(node);
    const auto value = writer_.string("status", is_usable ? "okay" : "fail");
    if (is_usable && request_.spin_table) {
        writer_.string("enable-method", "spin-table");
        writer_.cells("cpu-release-addr", 2,
                      request_.spin_table->value + spin_table_entry_size * result_.cpu_count);
    }
    if (is_usable && !value.empty() && result_.cpu_count < max_cpus) {
        const auto offset = value.data() - writer_.begin();
        result_.cpu_status[result_.cpu_count++] = static_cast<u32>(offset);
    }
}

} // namespace baton
