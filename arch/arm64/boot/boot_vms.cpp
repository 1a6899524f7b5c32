// SPDX-License-Identifier: BSD-2-Clause
#include "arch/arm64/boot/boot_vms.hpp"

#include "arch/arm64/boot/boot_machine.hpp"
#include "arch/arm64/boot/boot_memory.hpp"
#include "arch/arm64/device_memory.hpp"
#include "arch/arm64/hypervisor.hpp"
#include "arch/arm64/mmu/table_budget.hpp"
#include "arch/arm64/steps/faults.hpp"
#include "arch/arm64/steps/steps.hpp"
#include "hyp/devices/virtio.hpp"
#include "hyp/log/log.hpp"

#include <algorithm>
#include <memory>

namespace baton::arm64 {
namespace {

/// One table, or up to 16 in a row that are aligned to their size.
constexpr u64 parking_root_pages = 31;

/// The host VM's memory is what is left, in many pieces, and with ACPI's tables its devices are all
/// the rest of the address space: beyond the first 512 GiB a table for each. Another VM's memory is
/// one piece, and of the machine's devices it has a few.
u64 table_pages_of(VmId vm) {
    if (vm != host_vm) {
        return 64;
    }
    const Platform& platform = hypervisor().platform;
    return platform.tables
               ? host_table_pages(platform.ram.size() + platform.devices.size(), end_of_addresses())
               : host_table_pages(platform.ram.size(), {0});
}
constexpr u64 roots_per_vm = 2 + VmArch::lost_cpu_budget;

Stage2Format root_format() {
    const Platform& platform = hypervisor().platform;
    PhysAddr end{};
    for (const PhysRange& range : platform.ram) {
        end = std::max(end, range.end());
    }
    for (const PhysRange& range : platform.devices) {
        end = std::max(end, range.end());
    }
    const auto format = Stage2Format::choose(read_raw<ID_AA64MMFR0_EL1>(), to_guest(end));
    if (!format) {
        refuse_to_boot("the firmware names addresses beyond what this CPU can translate");
    }
    return *format;
}

void lay_out_roots(VmId id, VmArch& vm) {
    Hypervisor& baton = hypervisor();
    const u64 size = table_pages_of(id) * page_size;
    for (auto& root : vm.roots) {
        root.emplace(*baton.root_format, take_pages(size), baton.next_vmid++);
    }
    for (u32 i = 0; i < VmArch::lost_cpu_budget; i++) {
        // Its VMID is chosen now: later two VMs' CPUs may want one at once.
        (void)vm.spare_roots.push({take_pages(size), baton.next_vmid++});
    }
}

void lay_out_parking_root() {
    Hypervisor& baton = hypervisor();
    write(baton.root_format->vtcr_el2()); // while its VMID is invalidated, a root is loaded
    baton.parking_root.emplace(*baton.root_format, take_pages(parking_root_pages * page_size),
                               baton.next_vmid++);
    if (!baton.parking_root->build({})) {
        refuse_to_boot("there is no room for an empty stage-2 root");
    }
}

template <class T>
std::span<T> lay_out(usize count) {
    auto* const first = reinterpret_cast<T*>(take_pages(count * sizeof(T)).begin.value);
    std::uninitialized_default_construct_n(first, count);
    return {std::launder(first), count};
}

/// Empty frames would cost an access each in every blackout.
void find_virtio_mmio(const VmConfig& config, VmArch& vm) {
    MappedDevices devices;
    for (const PhysRange& frame : config.virtio_mmio) {
        if (virtio::has_mmio_device(devices, frame.begin)) {
            (void)vm.virtio_mmio.push(frame); // as many as the config's: never full
        }
    }
}

/// baton.fault=lost:CPU
std::optional<VcpuId> deaf_vcpu_of(VmId vm) {
    const auto cpu = hypervisor().options.lost_cpu;
    if (!cpu || index(*cpu) >= hypervisor().cpus.size()) {
        return std::nullopt;
    }
    const Vcpu& vcpu = *hypervisor().cpus[index(*cpu)].vcpu;
    return vcpu.vm == &hypervisor().vm(vm) ? std::optional{vcpu.id} : std::nullopt;
}

/// What nobody else has of the RAM.
u64 memory_of_host() {
    const MemoryLayout& layout = hypervisor().layout;
    u64 size = 0;
    for (const PhysRange& range : hypervisor().platform.ram) {
        size += range.size;
    }
    size -= layout.image.size + layout.pool.size + layout.slots[1].size;
    for (const VmMemory& vm : layout.vms) {
        size -= vm.whole.size;
    }
    for (const PhysRange& region : layout.shared) {
        size -= region.size;
    }
    return size;
}

std::span<Vcpu> vcpus_of(VmId vm) {
    Hypervisor& baton = hypervisor();
    usize first = 0;
    for (u32 i = 0; i < index(vm); i++) {
        first += baton.division.vm(VmId{i}).cpus.size();
    }
    return baton.vcpus.subspan(first, baton.division.vm(vm).cpus.size());
}

} // namespace

void divide_machine(std::span<const std::byte> dtb) {
    Hypervisor& baton = hypervisor();
    Division& division = *std::construct_at(&baton.division);
    if (!divide(dtb, baton.platform, division)) {
        refuse_to_boot(division.fault());
    }
}

u64 vms_pool_size() {
    const Division& division = hypervisor().division;
    const u64 vms = division.vms().size();
    u64 size = align_up(vms * sizeof(Vm), page_size) + align_up(vms * sizeof(VmArch), page_size) +
               align_up(hypervisor().platform.cpus.size() * sizeof(Vcpu), page_size) +
               parking_root_pages * page_size;
    for (u32 vm = 0; vm < vms; vm++) {
        size += roots_per_vm * table_pages_of(VmId{vm}) * page_size;
    }
    return size;
}

void lay_out_vms() {
    Hypervisor& baton = hypervisor();
    const usize count = baton.division.vms().size();
    baton.root_format = root_format();
    baton.vms = lay_out<Vm>(count);
    baton.vm_archs = lay_out<VmArch>(count);
    baton.vcpus = lay_out<Vcpu>(baton.platform.cpus.size());
    for (u32 n = 0; n < count; n++) {
        const VmId id{n};
        const VmConfig& config = baton.division.vm(id);
        const std::span<Vcpu> vcpus = vcpus_of(id);
        for (u32 i = 0; i < vcpus.size(); i++) {
            PerCpu& cpu = baton.cpus[index(config.cpus[i])];
            vcpus[i].id = VcpuId{i};
            vcpus[i].cpu = cpu.id;
            vcpus[i].vm = &baton.vms[n];
            cpu.vcpu = &vcpus[i];
            cpu.vm = &baton.vm_archs[n];
            if (cpu.cluster.unit != nullptr) {
                cpu.cluster.unit->vm = vcpus[i].vm;
            }
        }
        lay_out_roots(id, baton.vm_archs[n]);
    }
    lay_out_parking_root();
}

void start_vms() {
    Hypervisor& baton = hypervisor();
    const Vcpu& here = *this_cpu().vcpu;
    if (here.vm != &baton.vm(host_vm)) {
        log::line("CPU {} is VM {}'s", here.cpu, baton.division.owner(here.cpu));
        refuse_to_boot("the CPU that Baton was booted on has to stay the host VM's");
    }
    for (u32 n = 0; n < baton.vms.size(); n++) {
        const VmId id{n};
        const VmConfig& config = baton.division.vm(id);
        VmArch& arch = baton.vm_archs[n];
        arch.devices = {config.devices.begin(), config.devices.end()};
        arch.pci_hosts = {config.pci_hosts.begin(), config.pci_hosts.end()};
        find_virtio_mmio(config, arch);
        const bool runs = id == host_vm;
        baton.vms[n].start(
            {.id = id,
             .name = config.name,
             .all = baton.vms,
             .arch = &arch,
             .platform = &baton.platform,
             .steps = faults_are_planned() ? guest_kexec_steps_with_faults() : guest_kexec_steps(),
             .vcpus = vcpus_of(id),
             .first = runs ? std::optional{here.id} : std::nullopt,
             .lifecycle = {.serial = baton.options.teardown == TeardownMode::serial,
                           .deadline_ms = baton.options.deadline_ms},
             .memory = id == host_vm ? memory_of_host() : config.memory,
             .on_reset = config.on_reset,
             .report_at_once = baton.options.report,
             .deaf_cpu = deaf_vcpu_of(id),
             .guests_may_load = baton.options.load,
             .watchdog_s = baton.options.watchdog_s});
    }
}

void start_other_vms() {
    for (Vm& vm : hypervisor().vms.subspan(1)) {
        (void)vm.lifecycle().give(Order::enter); // the first order there is
    }
}

} // namespace baton::arm64
