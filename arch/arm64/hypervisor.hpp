// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "arch/arm64/console/console.hpp"
#include "arch/arm64/cpu/percpu.hpp"
#include "arch/arm64/dsu/clusters.hpp"
#include "arch/arm64/mmu/stage1.hpp"
#include "arch/arm64/mmu/stage2.hpp"
#include "arch/arm64/platform/arch_platform.hpp"
#include "arch/arm64/vgic/vgic.hpp"
#include "arch/arm64/vm_arch.hpp"
#include "hyp/console/multiplexer.hpp"
#include "hyp/memory/bump.hpp"
#include "hyp/memory/layout.hpp"
#include "hyp/platform/division/vm_config.hpp"
#include "hyp/platform/options/options.hpp"
#include "hyp/platform/platform.hpp"
#include "hyp/vm/vm.hpp"

#include <array>
#include <atomic>
#include <new>
#include <optional>
#include <span>

namespace baton::arm64 {

/// All of Baton's state that is not per CPU. Set up once at boot, in this order; afterwards only
/// the VM and its virtual GIC change, by their own rules.
struct Hypervisor {
    FullPlatform platform;
    Options options;
    std::optional<Console> console;
    MemoryLayout layout;
    BumpAllocator pool;
    std::optional<Stage1> map;
    std::span<PerCpu> cpus;
    std::span<Vcpu> vcpus; ///< those of a VM one after the other, VMs by VmId
    std::optional<Stage2Format> root_format;
    /// Maps nothing, and stays so: for CPUs that are in no guest.
    std::optional<Stage2> parking_root;
    u8 next_vmid = 1; ///< while Baton boots
    PhysicalGic gic;
    Multiplexer consoles; ///< with several VMs
    Clusters clusters;
    Division division;
    /// Boot modules that stay where they are, for VMs that begin anew from them.
    StaticVector<PhysRange, max_vms * 2 * BootImages::capacity> kept_modules;
    std::span<Vm> vms;                   ///< by VmId
    std::span<VmArch> vm_archs;          ///< by VmId
    std::optional<SpinTable> spin_table; ///< baton.park=wfe
    /// Host kexec: parked CPUs leave (departure.hpp).
    std::atomic<bool> departing{false};

    Vm& vm(VmId id) { return vms[index(id)]; }
};

/// Raw memory; boot.cpp constructs it there.
alignas(Hypervisor) extern std::byte hypervisor_storage[sizeof(Hypervisor)];
/// Inline: every exit asks for it.
inline Hypervisor& hypervisor() {
    return *std::launder(reinterpret_cast<Hypervisor*>(hypervisor_storage));
}

/// The CPU that a vCPU is pinned to.
inline PerCpu& cpu_of(const Vcpu& vcpu) { return hypervisor().cpus[index(vcpu.cpu)]; }

/// This CPU's next guest runs on this root (Stage2::load), and others know that it has it loaded.
void load_root(const Stage2& root);

/// Ends the boot with a sentence: what is wrong, and what to do about it.
[[noreturn]] void refuse_to_boot(std::string_view why);

} // namespace baton::arm64
