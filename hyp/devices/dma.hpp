// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/devices/pci.hpp"
#include "hyp/devices/virtio.hpp"
#include "hyp/platform/platform.hpp"
#include "hyp/static_vector.hpp"

#include <span>

namespace baton {

/// What dma_off() found.
struct DmaOff {
    u32 functions = 0;  ///< PCI functions, bridges included
    u32 virtio = 0;     ///< virtio devices that were reset, PCI or MMIO
    u32 unanswered = 0; ///< virtio devices that did not answer; PCI ones are stopped all the same
    u32 running = 0;    ///< devices that may still write to memory
    /// The first of these: a function's configuration space or a register frame.
    StaticVector<PhysAddr, 8> left;
};

/// Ends all DMA of the VM's devices: nothing above Baton can be trusted for it, for a kernel's
/// plain restart leaves virtio rings live. No CPU may be in the guest.
///
/// A virtio device is reset first, which ends its requests in order, then Bus Master goes in every
/// function; in bridges last (the first 64), so that no request is refused on its way.
/// What the walk cannot see (SR-IOV functions, ARI functions beyond 7) ends with its bridge's.
///
/// @param virtio_frames of virtio-mmio; those without a device cost an access each, so leave them
///        out (virtio::has_mmio_device) where time counts
template <DeviceMemory Memory>
DmaOff dma_off(Memory& memory, std::span<const PciHost> hosts,
               std::span<const PhysRange> virtio_frames) {
    DmaOff result;
    const auto still_running = [&](PhysAddr device) {
        result.running++;
        (void)result.left.push(device);
    };
    const auto stop = [&](const pci::Function& function) {
        if (!pci::disable_bus_master(memory, function)) {
            still_running(function.config);
        }
    };
    const auto count = [&](virtio::Reset outcome) {
        result.virtio += outcome == virtio::Reset::done ? 1 : 0;
        result.unanswered += outcome == virtio::Reset::no_answer ? 1 : 0;
    };

    for (const PciHost& host : hosts) {
        StaticVector<pci::Function, 64> bridges;
        pci::for_each_function(memory, host, [&](const pci::Function& function) {
            result.functions++;
            if (function.is_bridge() && bridges.push(function)) {
                return;
            }
            count(virtio::reset_pci(memory, host, function));
            stop(function);
        });
        for (const pci::Function& bridge : bridges) {
            stop(bridge);
        }
    }
    for (const PhysRange& frame : virtio_frames) {
        const auto outcome = virtio::reset_mmio(memory, frame.begin);
        count(outcome);
        if (outcome == virtio::Reset::no_answer) {
            still_running(frame.begin); // nothing else stops it
        }
    }
    return result;
}

} // namespace baton
