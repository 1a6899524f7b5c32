// SPDX-License-Identifier: BSD-2-Clause
#include "hyp/platform/guest/guest_dtb_filter.hpp"

#include "hyp/platform/arch_nodes.hpp"
#include "hyp/platform/parse/first_look.hpp"
#include "hyp/platform/parse/parse.hpp"

#include <algorithm>

namespace baton {

namespace {

template <usize size>
bool is_one_of(std::string_view name, const std::string_view (&names)[size]) {
    return std::find(std::begin(names), std::end(names), name) != std::end(names);
}

/// What tells of the boot before this one.
bool is_of_one_boot(std::string_view name) {
    return is_one_of(
        name, {"bootargs", "linux,initrd-start", "linux,initrd-end", "kaslr-seed", "rng-seed"});
}

bool names_stdout(std::string_view name) {
    return is_one_of(name, {"stdout-path", "linux,stdout-path"});
}

} // namespace

GuestDtbFilter::GuestDtbFilter(const Fdt& source, const GuestRequest& request,
                               GuestDtb::Scratch& scratch)
    : source_{source}, request_{request}, chosen_{source.find("/chosen")},
      cpus_{source.find("/cpus")}, uart_{},
      is_divided_{!request.for_host && request.division != nullptr &&
                  request.division->vms().size() > 1},
      scratch_{scratch} {
    if (is_divided_ && request.division->platform().uart) {
        uart_ = look_first(source).uart_node;
    }
}

Result<> GuestDtbFilter::prepare() {
    bool fits = true;
    for_each_below(source_.root(), [&](FdtNode node) {
        if (arch::hides_messages(request_, node)) {
            const auto phandle = node.phandle();
            fits = fits && (!phandle || scratch_.hidden.push(*phandle));
        }
        if (is_further_vm() && arch::is_core_node(node) && !arch::hides(request_, node)) {
            fits = fits && scratch_.core.push(node.offset());
        }
    });
    return fits ? Result<>{} : std::unexpected(Error::too_many);
}

NodeKind GuestDtbFilter::kind_of(FdtNode node, NodeKind parent) const {
    if (node == chosen_) {
        return NodeKind::chosen;
    }
    if (node == cpus_) {
        return NodeKind::cpus;
    }
    if (parent == NodeKind::cpus && is_cpu(node)) {
        return NodeKind::cpu;
    }
    if (arch::is_core_node(node)) {
        return NodeKind::core;
    }
    if (request_.for_host) {
        return NodeKind::plain;
    }
    if (is_console(node)) {
        return NodeKind::uart;
    }
    if (parent == NodeKind::root) {
        if (node.string("device_type") == "memory" && node.is_enabled()) {
            return NodeKind::memory;
        }
        if (is_divided_ && is_one_of(node.name(), {"aliases", "__symbols__"})) {
            return NodeKind::paths;
        }
        if (is_further_vm() && node.name() == "reserved-memory") {
            return NodeKind::reserved;
        }
    }
    const bool may_be_bus = parent == NodeKind::root || parent == NodeKind::bus;
    const bool is_bus = is_further_vm() && may_be_bus && !can_be_supply(node) &&
                        request_.division->owner(node.offset()) != request_.vm;
    return is_bus ? NodeKind::bus : NodeKind::plain;
}

bool GuestDtbFilter::drops(FdtNode node, NodeKind parent) const {
    if (parent == NodeKind::chosen) {
        return hides_child_of_chosen(node);
    }
    if (request_.for_host) {
        return false;
    }
    if (arch::hides(request_, node)) {
        return true;
    }
    switch (parent) {
    case NodeKind::cpus:
        return hides_child_of_cpus(node);
    case NodeKind::reserved:
        return hides_reserved(node);
    case NodeKind::root:
        if (is_one_of(node.name(),
                      {"chosen", "cpus", "aliases", "__symbols__", "reserved-memory"})) {
            return false;
        }
        [[fallthrough]];
    case NodeKind::bus:
        return is_further_vm() ? !has_part_of_vm(node) : is_anothers(node);
    default: // what is below a node that a further VM has is the VM's as well
        return !is_further_vm() && is_anothers(node);
    }
}

/// What was for the boot of this Baton.
bool GuestDtbFilter::hides_child_of_chosen(FdtNode node) const {
    return is_further_vm() || node.is_compatible("multiboot,module") ||
           node.is_compatible("xen,domain") || node.is_compatible("baton,shared-memory");
}

bool GuestDtbFilter::hides_child_of_cpus(FdtNode node) const {
    if (is_one_of(node.name(), {"idle-states", "domain-idle-states"})) {
        return true;
    }
    if (!is_divided_) {
        return false;
    }
    if (!is_cpu(node)) {
        return node.name() == "cpu-map"; // Linux takes one only if it names all CPUs
    }
    if (!is_usable_cpu(node)) {
        return is_further_vm();
    }
    const Division& division = *request_.division;
    const auto cpu = cpu_of(*cpus_, node, division.platform());
    return !cpu || division.owner(*cpu) != request_.vm;
}

/// Those without a place of their own ask the kernel to choose one: they are the host VM's.
bool GuestDtbFilter::hides_reserved(FdtNode node) const {
    const auto parent = source_.find("/reserved-memory");
    const CellCounts cells = parent->child_cells(source_.root().child_cells());
    CellReader reader{node.get("reg").value_or(Bytes{})};
    while (const auto range = reader.take_range(cells)) {
        if (is_in_memory(*range)) {
            return false;
        }
    }
    return true;
}

bool GuestDtbFilter::is_in_memory(PhysRange range) const {
    return std::ranges::any_of(request_.memory,
                               [&](const PhysRange& memory) { return memory.overlaps(range); });
}

bool GuestDtbFilter::is_anothers(FdtNode node) const {
    if (!is_divided_ || arch::is_core_node(node)) {
        return false;
    }
    return node == uart_ ? !request_.console
                         : request_.division->owner(node.offset()).value_or(host_vm) != request_.vm;
}

bool GuestDtbFilter::has_part_of_vm(FdtNode node) const {
    const int begin = node.offset();
    const int end = node.end_offset();
    const auto holds = [&](int offset) { return begin <= offset && offset < end; };
    const auto is_of_vm = [&](const PassedNode& passed) {
        return passed.vm == request_.vm && holds(passed.begin);
    };
    return std::ranges::any_of(request_.division->passed(), is_of_vm) ||
           request_.division->owner(begin) == request_.vm ||
           std::ranges::any_of(scratch_.core, holds) ||
           (request_.console && uart_ && holds(uart_->offset())) || can_be_supply(node);
}

/// A fixed clock or regulator: nothing of the machine is used with it.
bool GuestDtbFilter::can_be_supply(FdtNode node) const {
    bool has_registers = !node.phandle() || node.has("ranges") || node.has("interrupts");
    for_each_below(node, [&](FdtNode each) { has_registers = has_registers || each.has("reg"); });
    return !has_registers;
}

bool GuestDtbFilter::keeps(const FdtProperty& property, FdtNode node, NodeKind kind) const {
    const std::string_view name = property.name;
    const bool for_host = request_.for_host;
    switch (kind) {
    case NodeKind::chosen:
        return keeps_of_chosen(name);
    case NodeKind::memory:
        return !is_one_of(name, {"reg", "status", "linux,usable-memory"});
    case NodeKind::cpu:
        if (request_.spin_table && is_one_of(name, {"enable-method", "cpu-release-addr"})) {
            return false;
        }
        return name != "status" && (for_host || name != "cpu-idle-states");
    case NodeKind::core:
        return arch::keeps(request_, node, name);
    case NodeKind::paths:
        return survives(StringReader{property.value}.take().value_or(""));
    case NodeKind::bus:
        return !is_one_of(name, {"reg", "interrupts", "interrupts-extended"}) &&
               !refers_to_hidden(property);
    case NodeKind::uart:
        return keeps_of_uart(name);
    default:
        return for_host || (name != "domain-idle-states" && !refers_to_hidden(property));
    }
}

bool GuestDtbFilter::makes_other_uart() const {
    const auto& uart = request_.division->platform().uart;
    return uart && uart->kind != console_kind(*uart);
}

/// Of another kind than the machine's it has the address only.
bool GuestDtbFilter::keeps_of_uart(std::string_view name) const {
    if (makes_other_uart()) {
        return is_one_of(name, {"reg", "phandle", "linux,phandle", "status"});
    }
    return !is_one_of(
        name, {"interrupts", "interrupts-extended", "interrupt-parent", "dmas", "dma-names"});
}

bool GuestDtbFilter::keeps_of_chosen(std::string_view name) const {
    if (is_of_one_boot(name)) {
        return false;
    }
    if (is_divided_ && names_stdout(name)) {
        return request_.console.has_value();
    }
    // With linux,uefi-* a guest would take its memory from the firmware's map, not /memory.
    return !is_further_vm() && (request_.for_host || !name.starts_with("linux,uefi-"));
}

/// Does the guest have the node at this full path?
bool GuestDtbFilter::survives(std::string_view path) const {
    NodeKind kind = NodeKind::root;
    for (usize end = 0; end < path.size();) {
        end = std::min(path.find('/', end + 1), path.size());
        const auto node = source_.find(path.substr(0, end));
        if (!node || !path.starts_with('/') || drops(*node, kind)) {
            return false;
        }
        kind = kind_of(*node, kind);
    }
    return !path.empty();
}

bool GuestDtbFilter::refers_to_hidden(const FdtProperty& property) const {
    const std::string_view name = property.name;
    CellReader reader{property.value};
    if (name == "msi-parent") {
        return is_hidden(reader.take(1));
    }
    if (name != "msi-map") {
        return false;
    }
    // Entries of: first requester ID, controller, first MSI ID, count.
    while (reader.skip(1)) {
        if (is_hidden(reader.take(1))) {
            return true;
        }
        if (!reader.skip(2)) {
            break;
        }
    }
    return false;
}

bool GuestDtbFilter::is_hidden(std::optional<u64> phandle) const {
    return phandle && std::find(scratch_.hidden.begin(), scratch_.hidden.end(), *phandle) !=
                          scratch_.hidden.end();
}

} // namespace baton
