// SPDX-License-Identifier: BSD-2-Clause
#include "hyp/platform/arch_nodes.hpp"
#include "hyp/platform/division/device_walks.hpp"
#include "hyp/platform/division/divide.hpp"
#include "hyp/platform/parse/first_look.hpp"

#include <algorithm>

namespace baton {

Result<> DeviceDivider::run(std::span<const FdtNode> nodes) {
    // One VM alone has the UART as it is. Baton's is found by its path first: what is passed
    // through is held against it.
    if (nodes.size() > 1 && platform_.uart) {
        if (const auto uart = look_first(fdt_).uart_node) {
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
            return division_.refuse(Error::bad_dtb, "VM {}: {} is disabled",
                                    division_.vm(passed.vm).name, passed.path);
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
    for_each_interrupt(walk, platform_.interrupt_controller, [&](InterruptId interrupt) {
        division_.named_.add(interrupt);
        interrupts.add(interrupt);
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
            return division_.refuse(Error::too_many, "VM {}: {}", vm.name, too_many_devices);
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
        return division_.refuse(Error::overlap,
                                "{} of {}{} and {} of {}{} both interrupt by messages, which "
                                "only one VM can have",
                                message_user_.path(there), name_of(*message_owner_).kind,
                                name_of(*message_owner_).name, walk.node().path(here),
                                name_of(vm).kind, name_of(vm).name);
    }
    message_owner_ = vm;
    message_user_ = walk.node();
    return {};
}

Result<> DeviceDivider::give_rest_to_host() {
    VmConfig& host = division_.configs_[0];
    host.devices = platform_.devices;
    if (platform_.tables) {
        host.pci_hosts = platform_.pci_hosts; // no node tells of them
    }
    bool fits = host.devices.subtract(uart_pages_);
    for (u32 number = 0; number < index(InterruptSet::end); number++) {
        const InterruptId interrupt{number};
        if (arch::is_shared_interrupt(interrupt) && !uart_interrupts_.has(interrupt)) {
            host.interrupts.add(interrupt);
        } else if (uart_interrupts_.has(interrupt) && !division_.uart_interrupt_) {
            division_.uart_interrupt_ = interrupt;
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
        return division_.refuse(Error::too_many, "the host VM has {}", too_many_devices);
    }
    if (platform_.has_message_controllers) {
        division_.configs_[index(message_owner_.value_or(host_vm))].has_message_controllers = true;
    }
    return {};
}

} // namespace baton
