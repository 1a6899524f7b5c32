// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/platform/arch_nodes.hpp"
#include "hyp/platform/parse/node_interrupts.hpp"
#include "hyp/platform/parse/parse.hpp"

/// What a node's device has of the machine.
namespace baton {

/// Is the range what the node, a bus, passes on to its children? Some boards' trees have that in
/// the bus's `reg` too, where no register of its own is.
bool is_window_of(const FdtWalk& walk, PhysRange range);

// Not inlined: a host bridge is as large as a walk.
template <class Visitor>
[[gnu::noinline]] void for_each_window(const FdtWalk& walk, Visitor visit) {
    PciHost host;
    (void)read_pci_host(walk, host); // parse_platform has found nothing wrong with it
    for (const PciWindow& window : host.windows) {
        visit(window.cpu);
    }
}

/// All that the node's device answers to: registers, and what a PCI host bridge passes on.
template <class Visitor>
void for_each_page_range(const FdtWalk& walk, Visitor visit) {
    const auto in_pages = [&](PhysRange range) {
        if (const auto pages = device_pages(range)) {
            visit(*pages);
        }
    };
    for_each_reg(walk, [&](PhysRange range) {
        if (!is_window_of(walk, range)) {
            in_pages(range);
        }
    });
    if (is_pci_host(walk)) {
        for_each_window(walk, in_pages);
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
