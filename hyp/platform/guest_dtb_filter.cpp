// SPDX-License-Identifier: BSD-2-Clause
#include "hyp/platform/guest_dtb_filter.hpp"

#include "hyp/platform/parse.hpp"

#include <algorithm>
#include <libfdt.h>

namespace baton {

namespace {

template <usize size>
bool is_one_of(std::string_view name, const std::string_view (&names)[size]) {
    return std::find(std::begin(names), std::end(names), name) != std::end(names);
}

/// Those that make SPIs by a write to a frame of their own: Baton has none for the guest. An ITS,
/// which makes LPIs, is the guest's.
bool is_hidden_controller(FdtNode node) { return node.is_compatible("arm,gic-v2m-frame"); }

/// With `msi-controller` the GIC takes SPIs by a write to its distributor, which is not passed
/// through either.
bool is_gic(FdtNode node) { return node.is_compatible("arm,gic-v3"); }

/// What tells of the boot before this one.
bool is_of_one_boot(std::string_view name) {
    return is_one_of(
        name, {"bootargs", "linux,initrd-start", "linux,initrd-end", "kaslr-seed", "rng-seed"});
}

} // namespace

Result<> GuestDtbFilter::find_hidden(const Fdt& source) {
    const void* fdt = source.data();
    for (int offset = 0; offset >= 0; offset = fdt_next_node(fdt, offset, nullptr)) {
        const FdtNode node{fdt, offset};
        if (!is_hidden_controller(node) && !(is_gic(node) && node.has("msi-controller"))) {
            continue;
        }
        if (const auto phandle = node.phandle(); phandle && !hidden_.push(*phandle)) {
            return std::unexpected(Error::too_many);
        }
    }
    return {};
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
    if (node.is_compatible("arm,gic-v3-its")) {
        return NodeKind::its;
    }
    if (for_host_) {
        return NodeKind::plain;
    }
    if (parent == NodeKind::root && node.string("device_type") == "memory" && node.is_enabled()) {
        return NodeKind::memory;
    }
    if (node.is_compatible("arm,psci-1.0") || node.is_compatible("arm,psci-0.2")) {
        return NodeKind::psci;
    }
    return is_gic(node) ? NodeKind::gic : NodeKind::plain;
}

bool GuestDtbFilter::drops(FdtNode node, NodeKind parent) const {
    switch (parent) {
    case NodeKind::chosen:
        return node.is_compatible("multiboot,module");
    case NodeKind::cpus:
        return !for_host_ && is_one_of(node.name(), {"idle-states", "domain-idle-states"});
    default:
        return !for_host_ && is_hidden_controller(node);
    }
}

bool GuestDtbFilter::keeps(const FdtProperty& property, NodeKind kind) const {
    const std::string_view name = property.name;
    switch (kind) {
    case NodeKind::chosen:
        // With linux,uefi-* a guest would take its memory from the firmware's map, not /memory.
        return !is_of_one_boot(name) && (for_host_ || !name.starts_with("linux,uefi-"));
    case NodeKind::memory:
        return !is_one_of(name, {"reg", "status", "linux,usable-memory"});
    case NodeKind::cpu:
        if (has_spin_table_ && is_one_of(name, {"enable-method", "cpu-release-addr"})) {
            return false;
        }
        return name != "status" && (for_host_ || name != "cpu-idle-states");
    case NodeKind::psci:
        return !is_one_of(name,
                          {"compatible", "method", "cpu_on", "cpu_off", "cpu_suspend", "migrate"});
    case NodeKind::its:
        return name != "status";
    case NodeKind::gic:
        return !is_one_of(name, {"msi-controller", "mbi-ranges", "mbi-alias"});
    default:
        return for_host_ || (name != "domain-idle-states" && !refers_to_hidden(property));
    }
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
    return phandle && std::find(hidden_.begin(), hidden_.end(), *phandle) != hidden_.end();
}

} // namespace baton
