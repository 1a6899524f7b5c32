// SPDX-License-Identifier: BSD-2-Clause
#include "hyp/platform/arch_nodes.hpp"
#include "hyp/platform/divide.hpp"
#include "hyp/platform/node_interrupts.hpp"
#include "hyp/platform/parse.hpp"

#include <algorithm>

namespace baton {

namespace {

/// All that the node's device answers to: registers, and what a PCI host bridge passes on.
template <class Visitor>
void for_each_page_range(const FdtWalk& walk, Visitor visit) {
    const auto in_pages = [&](PhysRange range) {
        if (const auto pages = device_pages(range)) {
            visit(*pages);
        }
    };
    for_each_reg(walk, in_pages);
    if (is_pci_host(walk)) {
        PciHost host;
        (void)read_pci_host(walk, host); // parse_platform has found nothing wrong with it
        for (const PciWindow& window : host.windows) {
            in_pages(window.cpu);
        }
    }
}

/// @param visit with the number of each interrupt that any CPU can take
template <class Visitor>
void for_each_interrupt(const FdtWalk& walk, const InterruptController& controller, Visitor visit) {
    InterruptReader reader{walk, controller};
    while (const auto specifier = reader.take()) {
        const auto number = arch::interrupt_number(*specifier);
        if (number && arch::is_shared_interrupt(*number)) {
            visit(*number);
        }
    }
}

} // namespace

Result<> DeviceDivider::run(std::span<const FdtNode> nodes) {
    // One VM alone has the UART as it is. Baton's is found by its path first: what is passed
    // through is held against it.
    if (nodes.size() > 1 && platform_.uart) {
        if (const auto uart = stdout_node(fdt_)) {
            division_.uart_ = uart->offset();
        } else if (platform_.tables) {
            take_uart(*platform_.uart);
        }
    }
    for (u32 vm = 1; vm < nodes.size(); vm++) {
        if (auto result = pass_through(VmId{vm}, nodes[vm]); !result) {
            return result;
        }
    }
    if (auto result = for_each_device(&DeviceDivider::collect); !result) {
        return result;
    }
    for (usize i = 0; i < division_.passed_.size(); i++) {
        if (!seen_[i]) {
            const PassedNode& passed = division_.passed_[i];
            return refuse(Error::bad_dtb, "VM {}: {} is disabled", division_.vm(passed.vm).name,
                          passed.path);
        }
    }
    if (auto result = for_each_device(&DeviceDivider::check); !result) {
        return result;
    }
    return give_rest_to_host();
}

/// Without a node, by what the firmware's tables say of it.
void DeviceDivider::take_uart(const UartInfo& uart) {
    uart_pages_ = whole_pages(uart.frame);
    if (uart.interrupt && arch::is_shared_interrupt(*uart.interrupt)) {
        uart_interrupts_.add(*uart.interrupt);
        division_.named_.add(*uart.interrupt);
    }
}

/// Calls visit(walk, owner) for every enabled node that is a device of one owner.
Result<> DeviceDivider::for_each_device(Result<> (DeviceDivider::*visit)(const FdtWalk&, Owner)) {
    FdtWalk walk{fdt_};
    while (walk.next()) {
        if (!is_device(walk)) {
            walk.skip_children();
        } else if (!arch::is_core_node(walk.node())) {
            const Owner owner = division_.owner(walk.node().offset());
            if (auto result = (this->*visit)(walk, owner); !result) {
                return result;
            }
        }
    }
    return {};
}

Result<> DeviceDivider::collect(const FdtWalk& walk, Owner owner) {
    InterruptSet& interrupts =
        owner ? division_.configs_[index(*owner)].interrupts : uart_interrupts_;
    for_each_interrupt(walk, platform_.interrupt_controller, [&](u32 number) {
        division_.named_.add(number);
        interrupts.add(number);
    });
    if (!owner) {
        if (const auto frame = walk.reg(0)) {
            uart_pages_ = whole_pages(*frame);
        }
        return {};
    }
    VmConfig& vm = division_.configs_[index(*owner)];
    Result<> result;
    if (*owner != host_vm) { // which has all the rest
        result = check_passed(*owner, walk);
        for_each_page_range(
            walk, [&](PhysRange pages) { result = result ? add_pages(pages, vm) : result; });
    }
    result = result ? collect_buses(walk, vm) : result;
    return result ? claim_messages(walk, *owner) : result;
}

/// What of it is neither RAM nor a frame that Baton keeps to itself.
Result<> DeviceDivider::add_pages(PhysRange range, VmConfig& vm) {
    for (const PhysRange& mappable : platform_.devices) {
        const PhysAddr begin = std::max(range.begin, mappable.begin);
        const PhysAddr end = std::min(range.end(), mappable.end());
        if (begin < end && !vm.devices.add(PhysRange::between(begin, end))) {
            return refuse(Error::too_many, "VM {}: {}", vm.name, too_many_devices);
        }
    }
    return {};
}

/// Those whose DMA Baton ends. The platform's lists have room for all of the machine.
Result<> DeviceDivider::collect_buses(const FdtWalk& walk, VmConfig& vm) {
    if (walk.node().is_compatible("virtio,mmio")) {
        if (const auto frame = walk.reg(0)) {
            (void)vm.virtio_mmio.push(*frame);
        }
    }
    if (is_pci_host(walk)) {
        PciHost host;
        if (read_pci_host(walk, host) && !host.ecam.empty()) {
            (void)vm.pci_hosts.push(host);
        }
    }
    return {};
}

Result<> DeviceDivider::claim_messages(const FdtWalk& walk, VmId vm) {
    const auto& controllers = platform_.message_controllers;
    bool sends = false;
    for_each_message_controller(walk, [&](u32 phandle) {
        sends = sends || std::ranges::find(controllers, phandle) != controllers.end();
    });
    if (!sends) {
        return {};
    }
    if (message_owner_ && *message_owner_ != vm) {
        std::array<char, 96> here{};
        std::array<char, 96> there{};
        return refuse(Error::overlap,
                      "{} of {}{} and {} of {}{} both interrupt by messages, which "
                      "only one VM can have",
                      message_user_.path(there), name_of(*message_owner_).kind,
                      name_of(*message_owner_).name, walk.node().path(here), name_of(vm).kind,
                      name_of(vm).name);
    }
    message_owner_ = vm;
    message_user_ = walk.node();
    return {};
}

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
    for_each_interrupt(walk, platform_.interrupt_controller, [&](u32 number) {
        (void)any_other_owner(owner, [&](Owner other) {
            if (!result || !has(other, number)) {
                return false;
            }
            const auto interrupts = [&](const FdtWalk& there) {
                bool found = false;
                for_each_interrupt(there, platform_.interrupt_controller,
                                   [&](u32 each) { found = found || each == number; });
                return found;
            };
            std::array<char, 24> what{};
            result =
                refuse_shared(walk, owner, other, interrupts, format(what, "interrupt {}", number));
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
    return refuse(Error::overlap,
                  "{} of {}{} and {} of {}{} share {}: all nodes that share it "
                  "must be passed to the same VM",
                  walk.node().path(here), name_of(owner).kind, name_of(owner).name, other_path,
                  name_of(other).kind, name_of(other).name, what);
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

bool DeviceDivider::has(Owner owner, u32 interrupt) const {
    return (owner ? division_.vm(*owner).interrupts : uart_interrupts_).has(interrupt);
}

Result<> DeviceDivider::give_rest_to_host() {
    VmConfig& host = division_.configs_[0];
    host.devices = platform_.devices;
    if (platform_.tables) {
        host.pci_hosts = platform_.pci_hosts; // no node tells of them
    }
    bool fits = host.devices.subtract(uart_pages_);
    for (u32 number = 0; number < InterruptSet::end; number++) {
        if (arch::is_shared_interrupt(number) && !uart_interrupts_.has(number)) {
            host.interrupts.add(number);
        } else if (uart_interrupts_.has(number) && !division_.uart_interrupt_) {
            division_.uart_interrupt_ = number;
        }
    }
    for (const VmConfig& vm : division_.vms().subspan(1)) {
        for (const PhysRange& range : vm.devices) {
            fits = fits && host.devices.subtract(range);
        }
        for (usize word = 0; word < host.interrupts.words.size(); word++) {
            host.interrupts.words[word] &= ~vm.interrupts.words[word];
        }
    }
    if (!fits) {
        return refuse(Error::too_many, "the host VM has {}", too_many_devices);
    }
    if (platform_.has_message_controllers) {
        division_.configs_[index(message_owner_.value_or(host_vm))].has_message_controllers = true;
    }
    return {};
}

} // namespace baton
