// SPDX-License-Identifier: BSD-2-Clause
#include "hyp/platform/arch_nodes.hpp"
#include "hyp/platform/division/device_walks.hpp"
#include "hyp/platform/division/divide.hpp"

namespace baton {

/// Second walk: nothing that one owner has is another's.
Result<> DeviceDivider::check(const FdtWalk& walk, Owner owner) {
    Result<> result;
    for_each_page_range(walk, [&](PhysRange pages) {
        (void)any_other_owner(owner, [&](Owner other) {
            if (!result || !has(other, pages)) {
                return false;
            }
            const auto overlaps = [&](const FdtWalk& there) {
                bool found = false;
                for_each_page_range(there,
                                    [&](PhysRange each) { found = found || each.overlaps(pages); });
                return found;
            };
            result = refuse_shared(walk, owner, other, overlaps, "a page of registers");
            return true;
        });
    });
    for_each_interrupt(walk, platform_.interrupt_controller, [&](InterruptId interrupt) {
        (void)any_other_owner(owner, [&](Owner other) {
            if (!result || !has(other, interrupt)) {
                return false;
            }
            const auto interrupts = [&](const FdtWalk& there) {
                bool found = false;
                for_each_interrupt(there, platform_.interrupt_controller,
                                   [&](InterruptId each) { found = found || each == interrupt; });
                return found;
            };
            std::array<char, 24> what{};
            result = refuse_shared(walk, owner, other, interrupts,
                                   format(what, "interrupt {}", interrupt));
            return true;
        });
    });
    return result;
}

template <class Visitor>
bool DeviceDivider::any_other_owner(Owner owner, Visitor visit) const {
    for (u32 vm = 1; vm < division_.vm_count_; vm++) {
        if (owner != VmId{vm} && visit(Owner{VmId{vm}})) {
            return true;
        }
    }
    return owner && visit(Owner{});
}

/// @param claim which of the other owner's nodes it is that has the same
// Not inlined, as below: a walk over the tree is large, and one frame holds one.
template <class Claim>
[[gnu::noinline]] std::string_view DeviceDivider::find_claim(Owner other, Claim claim,
                                                             std::span<char> path) const {
    FdtWalk others{fdt_};
    while (others.next()) {
        if (!is_device(others)) {
            others.skip_children();
        } else if (!arch::is_core_node(others.node()) &&
                   division_.owner(others.node().offset()) == other && claim(others)) {
            return others.node().path(path);
        }
    }
    return "";
}

template <class Claim>
[[gnu::noinline]] Result<> DeviceDivider::refuse_shared(const FdtWalk& walk, Owner owner,
                                                        Owner other, Claim claim,
                                                        std::string_view what) {
    std::array<char, 96> here{};
    std::array<char, 96> there{};
    const std::string_view other_path = find_claim(other, claim, there);
    return division_.refuse(Error::overlap,
                            "{} of {}{} and {} of {}{} share {}: all nodes that share it "
                            "must be passed to the same VM",
                            walk.node().path(here), name_of(owner).kind, name_of(owner).name,
                            other_path, name_of(other).kind, name_of(other).name, what);
}

DeviceDivider::Name DeviceDivider::name_of(Owner owner) const {
    if (!owner) {
        return {"Baton itself", ""};
    }
    return *owner == host_vm ? Name{"the host VM", ""} : Name{"VM ", division_.vm(*owner).name};
}

bool DeviceDivider::has(Owner owner, PhysRange pages) const {
    return owner ? division_.vm(*owner).devices.overlaps(pages) : uart_pages_.overlaps(pages);
}

bool DeviceDivider::has(Owner owner, InterruptId interrupt) const {
    return (owner ? division_.vm(*owner).interrupts : uart_interrupts_).has(interrupt);
}

} // namespace baton
