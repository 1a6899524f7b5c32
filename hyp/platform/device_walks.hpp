// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/platform/arch_nodes.hpp"
#include "hyp/platform/node_interrupts.hpp"
#include "hyp/platform/parse.hpp"

/// What a node's device has of the machine.
namespace baton {

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

/// @param visit with each interrupt that any CPU can take
template <class Visitor>
void for_each_interrupt(const FdtWalk& walk, const InterruptController& controller, Visitor visit) {
    InterruptReader reader{walk, controller};
    while (const auto specifier = reader.take()) {
        const auto interrupt = arch::named_interrupt(*specifier);
        if (interrupt && arch::is_shared_interrupt(*interrupt)) {
            visit(*interrupt);
        }
    }
}

} // namespace baton
