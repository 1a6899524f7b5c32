// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/devices/device_memory.hpp"
#include "hyp/devices/pci.hpp"

#include <optional>

/// Just enough of virtio 1.2 to reset a device that some kernel left running.
namespace baton::virtio {

constexpr u16 pci_vendor = 0x1af4;

enum class Reset {
    done,
    absent,    ///< no virtio device, or none that can be reached
    no_answer, ///< the status did not become 0
};

/// A device is asked so often whether it is reset. Each time is a round trip to it, so even a slow
/// bus is done within a millisecond; the devices that need longer are stopped by other means.
constexpr u32 reset_polls = 1000;

template <class ReadStatus>
Reset wait_for_reset(ReadStatus read_status) {
    for (u32 i = 0; i < reset_polls; i++) {
        if (read_status() == 0) {
            return Reset::done;
        }
    }
    return Reset::no_answer;
}

/// Offsets in a register frame of virtio-mmio (4.2.2).
enum class Mmio : u64 {
    magic = 0x000,
    device_id = 0x008,
    status = 0x070,
};
constexpr u32 mmio_magic = 0x7472'6976; // "virt"

constexpr PhysAddr at(PhysAddr frame, Mmio offset) { return frame + static_cast<u64>(offset); }

/// A frame's device is there or not from power-on: this can be asked ahead of the reset.
template <DeviceMemory Memory>
bool has_mmio_device(Memory& memory, PhysAddr frame) {
    return memory.read32(at(frame, Mmio::magic)) == mmio_magic &&
           memory.read32(at(frame, Mmio::device_id)) != 0;
}

/// Status = 0 resets, in the legacy interface too (4.2.2.1, 4.2.4).
template <DeviceMemory Memory>
Reset reset_mmio(Memory& memory, PhysAddr frame) {
    if (!has_mmio_device(memory, frame)) {
        return Reset::absent;
    }
    memory.write32(at(frame, Mmio::status), 0);
    return wait_for_reset([&] { return memory.read32(at(frame, Mmio::status)); });
}

/// Offsets in a virtio capability (4.1.4).
enum class Capability : u64 {
    type = 3,
    bar = 4,
    offset = 8,
};
constexpr u8 capability_common = 1;
/// device_status in the common configuration structure (4.1.4.3): one byte.
constexpr u64 common_device_status = 0x14;

constexpr PhysAddr at(PhysAddr capability, Capability offset) {
    return capability + static_cast<u64>(offset);
}

/// Where the CPU reaches a PCI function's device_status; nothing for what is no virtio device, has
/// no modern interface, or has no usable address now. BARs are the last kernel's, so only what
/// lies in the host bridge's windows is taken.
///
/// (There is also a way through configuration space alone, 4.1.4.9. It is not used: QEMU's
/// devices stop the whole machine on it when their BAR is not mapped.)
template <DeviceMemory Memory>
std::optional<PhysAddr> pci_status(Memory& memory, const PciHost& host,
                                   const pci::Function& function) {
    if (memory.read16(function.at(pci::Config::vendor)) != pci_vendor) {
        return std::nullopt;
    }
    // The first that can be used: the device lists them by preference.
    std::optional<PhysAddr> status;
    pci::for_each_capability(
        memory, function, pci::capability_vendor_specific, [&](PhysAddr capability) {
            if (status || memory.read8(at(capability, Capability::type)) != capability_common) {
                return;
            }
            const u8 bar = memory.read8(at(capability, Capability::bar));
            const u64 offset = memory.read32(at(capability, Capability::offset));
            if (const auto base = pci::bar_address(memory, function, bar)) {
                status = pci::to_cpu(host, *base + offset + common_device_status, 1);
            }
        });
    return status;
}

/// device_status = 0 resets; it reads as 0 when that is done (4.1.4.3.1, 4.1.4.3.2).
template <DeviceMemory Memory>
Reset reset_pci(Memory& memory, const PciHost& host, const pci::Function& function) {
    const auto status = pci_status(memory, host, function);
    if (!status) {
        return Reset::absent;
    }
    memory.write8(*status, 0);
    return wait_for_reset([&] { return memory.read8(*status); });
}

} // namespace baton::virtio
