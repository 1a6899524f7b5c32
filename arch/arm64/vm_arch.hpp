// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "arch/arm64/calls/firmware_buffers.hpp"
#include "arch/arm64/console/vpl011.hpp"
#include "arch/arm64/exits/trap_map.hpp"
#include "arch/arm64/mmu/stage2.hpp"
#include "arch/arm64/vgic/vgic.hpp"
#include "hyp/platform/guest/guest_dtb.hpp"
#include "hyp/platform/platform.hpp"
#include "hyp/static_vector.hpp"

#include <array>
#include <atomic>
#include <optional>
#include <span>

namespace baton {

/// The architecture's part of a VM. Set up at boot; afterwards its address spaces and its virtual
/// GIC change, by their own rules.
struct VmArch {
    /// A root that a lost CPU still has loaded is never used again: a spare takes its place, as
    /// often as there is one.
    static constexpr usize lost_cpu_budget = 4;

    std::array<std::optional<arm64::Stage2>, 2> roots; ///< by slot
    struct SpareRoot {
        PhysRange tables;
        u8 vmid;
    };
    StaticVector<SpareRoot, lost_cpu_budget> spare_roots;

    std::span<const PhysRange> devices; ///< what its roots map beside its memory
    std::span<const PciHost> pci_hosts;
    StaticVector<PhysRange, 64> virtio_mmio; ///< those of its frames that have a device
    arm64::FirmwareBuffers firmware_buffers;
    arm64::TrapMap traps; ///< devices that Baton emulates
    arm64::Vgic vgic;
    std::optional<arm64::Vpl011> console;
    InterruptId console_interrupt{}; ///< an SPI that no device has
    /// Of a shared memory region that is the VM's: which SPI, without a device, of which other VM.
    struct Doorbell {
        u32 region;
        VmId rings;
        InterruptId interrupt;
    };
    StaticVector<Doorbell, 16> doorbells;
    StaticVector<PhysRange, 16> shared_memory; ///< the same regions
    StaticVector<SharedMemoryNode, 16> shared; ///< the same, as its guest's DTB tells of them
    /// Where LPIs could not be turned off: a configuration and a pending table for each CPU.
    StaticVector<PhysRange, 2 * max_cpus> stuck_tables;
    std::atomic<bool> is_abandoned{false}; ///< by a boot CPU; told already
};

} // namespace baton
