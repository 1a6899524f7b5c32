// SPDX-License-Identifier: BSD-2-Clause
#include "hyp/platform/arch_nodes.hpp"
#include "hyp/platform/division/divide.hpp"
#include "hyp/platform/parse/node_interrupts.hpp"
#include "hyp/platform/parse/parse.hpp"

#include <algorithm>

namespace baton {

namespace {

bool overlap(const PassedNode& node, int begin, int end) {
    return node.begin < end && begin < node.end;
}

/// The ancestor of the node, or the node itself, that is a child of the root.
FdtNode top_of(FdtNode root, FdtNode node) {
    FdtNode top = node;
    for_each_child(root, [&](FdtNode child) {
        if (child.offset() <= node.offset()) {
            top = child;
        }
    });
    return top;
}

} // namespace

std::optional<VmId> Division::owner(int node) const {
    if (node == uart_) {
        return std::nullopt;
    }
    const auto after = std::ranges::upper_bound(passed_, node, {}, &PassedNode::begin);
    if (after != passed_.begin() && node < (after - 1)->end) {
        return (after - 1)->vm;
    }
    return host_vm;
}

std::optional<InterruptId> Division::take_unused_interrupt(VmId vm, InterruptId end) {
    for (u32 number = index(std::min(end, InterruptSet::end)); number-- > 0;) {
        const InterruptId interrupt{number};
        if (arch::is_shared_interrupt(interrupt) && !named_.has(interrupt)) {
            named_.add(interrupt);
            configs_[0].interrupts.remove(interrupt);
            configs_[index(vm)].interrupts.add(interrupt);
            return interrupt;
        }
    }
    return std::nullopt;
}

/// `baton,devices`: full paths.
Result<> DeviceDivider::pass_through(VmId vm, FdtNode node) {
    StringReader paths{node.get("baton,devices").value_or(Bytes{})};
    while (const auto path = paths.take()) {
        if (auto result = pass_through(vm, *path); !result) {
            return result;
        }
    }
    return {};
}

Result<> DeviceDivider::pass_through(VmId vm, std::string_view path) {
    const std::string_view name = division_.vm(vm).name;
    if (platform_.tables) {
        return division_.refuse(
            Error::unsupported,
            "VM {}: baton,devices names {}, but ACPI's tables describe this machine: its "
            "devices stay the host VM's",
            name, path);
    }
    const auto node = path.starts_with('/') ? fdt_.find(path) : std::nullopt;
    // libfdt takes a name without its unit address as well: it could be any of several.
    if (!node || !path.ends_with(node->name())) {
        return division_.refuse(
            Error::bad_dtb, "VM {}: baton,devices names {}, and there is no such node", name, path);
    }
    if (auto result = check_may_pass(vm, *node, path); !result) {
        return result;
    }
    auto& passed = division_.passed_;
    const PassedNode entry{vm, path, node->offset(), node->end_offset()};
    for (const PassedNode& other : passed) {
        if (overlap(other, entry.begin, entry.end)) {
            return division_.refuse(Error::overlap,
                                    "{} of VM {} and {} of VM {} are one device, or one is "
                                    "below the other",
                                    other.path, division_.vm(other.vm).name, path, name);
        }
    }
    if (!passed.push(entry)) {
        return division_.refuse(Error::too_many,
                                "VM {}: at {} there are more than 256 devices passed "
                                "through",
                                name, path);
    }
    std::ranges::sort(passed, {}, &PassedNode::begin);
    return {};
}

/// Some nodes are every VM's, or nobody's but Baton's.
Result<> DeviceDivider::check_may_pass(VmId vm, FdtNode node, std::string_view path) {
    const std::string_view name = division_.vm(vm).name;
    const PassedNode wanted{vm, path, node.offset(), node.end_offset()};
    const FdtNode root = fdt_.root();
    const FdtNode top = top_of(root, node);
    if (node == root || !may_hold_devices(top)) {
        return division_.refuse(Error::bad_dtb, "VM {}: {} is no device that can be passed through",
                                name, path);
    }
    if (division_.uart_ && overlap(wanted, *division_.uart_, *division_.uart_ + 1)) {
        return division_.refuse(Error::overlap,
                                "VM {}: {} has the UART, which is Baton's with several VMs: "
                                "vpl011 gives a VM one of its own",
                                name, path);
    }
    Result<> result;
    for_each_below(top, [&](FdtNode each) {
        if (result && arch::is_core_node(each) &&
            overlap(wanted, each.offset(), each.end_offset())) {
            std::array<char, 96> buffer{};
            result = division_.refuse(Error::bad_dtb,
                                      "VM {}: {} cannot be passed through: {} is part of "
                                      "what every VM has",
                                      name, path, each.path(buffer));
        }
    });
    return result;
}

/// What a VM cannot use though it is passed through.
Result<> DeviceDivider::check_passed(VmId vm, const FdtWalk& walk) {
    const std::string_view name = division_.vm(vm).name;
    const FdtNode node = walk.node();
    std::array<char, 96> buffer{};
    std::array<char, 96> other{};
    const auto at = std::ranges::find(division_.passed_, node.offset(), &PassedNode::begin);
    if (at != division_.passed_.end()) {
        seen_[static_cast<usize>(at - division_.passed_.begin())] = true;
        if (!CellReader{node.get("reg").value_or(Bytes{})}.at_end() && !walk.reg(0)) {
            return division_.refuse(Error::bad_dtb,
                                    "VM {}: {} has no registers that the CPU can address: "
                                    "pass the bus or the PCI host bridge that it is on",
                                    name, node.path(buffer));
        }
    }
    if (!node.has("interrupts") || node.has("interrupts-extended")) {
        return {};
    }
    const auto parent = interrupt_parent(walk);
    if (parent && *parent != platform_.interrupt_controller.node &&
        division_.owner(parent->offset()) != vm) {
        return division_.refuse(Error::bad_dtb,
                                "VM {}: {} interrupts through {}, which the VM does not have", name,
                                node.path(buffer), parent->path(other));
    }
    return {};
}

} // namespace baton
