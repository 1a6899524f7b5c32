// SPDX-License-Identifier: BSD-2-Clause
#include "arch/arm64/boot/boot_gics.hpp"

#include "arch/arm64/console/consoles.hpp"
#include "arch/arm64/exits/gic_traps.hpp"
#include "arch/arm64/hypervisor.hpp"
#include "hyp/log/log.hpp"

namespace baton::arm64 {
namespace {

void check(Result<> done) {
    if (!done) {
        log::line("GIC: {}", describe(done.error()));
        refuse_to_boot("the GIC cannot be set up");
    }
}

/// An SPI without a device, for one that Baton makes.
InterruptId take_interrupt(VmId vm) {
    Hypervisor& baton = hypervisor();
    const auto interrupt =
        baton.division.take_unused_interrupt(vm, baton.gic.distributor().spi_end());
    if (!interrupt) {
        log::line("VM {}: no SPI is left that no device has", baton.division.vm(vm).name);
        refuse_to_boot("its console or shared memory needs one: pass fewer devices");
    }
    return *interrupt;
}

/// Each rings at the other.
void lay_doorbells(u32 number, const SharedRegion& region) {
    Hypervisor& baton = hypervisor();
    const auto [first, second] = region.vms;
    const InterruptId of_first = take_interrupt(first);
    const InterruptId of_second = take_interrupt(second);
    // Room for as many as there are regions.
    VmArch& one = baton.vm_archs[index(first)];
    VmArch& other = baton.vm_archs[index(second)];
    const PhysRange memory = baton.layout.shared[number];
    (void)one.doorbells.push({number, second, of_second});
    (void)other.doorbells.push({number, first, of_first});
    (void)one.shared_memory.push(memory);
    (void)other.shared_memory.push(memory);
    (void)one.shared.push({memory, of_first, number, region.name});
    (void)other.shared.push({memory, of_second, number, region.name});
}

gic::SpiSet spis_of(VmId vm) {
    gic::SpiSet spis = hypervisor().gic.spis();
    const InterruptSet& given = hypervisor().division.vm(vm).interrupts;
    for (usize word = 0; word < spis.size(); word++) {
        spis[word] &= given.words[word];
    }
    return spis;
}

void own_uart() {
    Hypervisor& baton = hypervisor();
    const auto interrupt = baton.division.uart_interrupt();
    if (has_consoles() && baton.console->has_input() && interrupt &&
        !baton.gic.own_spi(*interrupt, this_cpu().mpidr)) {
        log::line("warning: the UART's interrupt {} is not there: consoles take no input",
                  *interrupt);
    }
}

} // namespace

void start_gics() {
    Hypervisor& baton = hypervisor();
    check(baton.gic.init(baton.platform, this_cpu().mpidr));
    own_uart();
    for (u32 n = 0; n < baton.vm_archs.size(); n++) {
        if (has_consoles()) {
            baton.vm_archs[n].console_interrupt = take_interrupt(VmId{n});
        }
    }
    const auto shared = baton.division.shared();
    for (u32 number = 0; number < shared.size(); number++) {
        lay_doorbells(number, shared[number]);
    }
    for (u32 n = 0; n < baton.vm_archs.size(); n++) {
        const VmConfig& config = baton.division.vm(VmId{n});
        VmArch& vm = baton.vm_archs[n];
        vm.vgic.init(baton.gic, spis_of(VmId{n}), config.has_message_controllers);
        for (const CpuId id : config.cpus) {
            PerCpu& cpu = baton.cpus[index(id)];
            const auto frames = baton.gic.attach(id, cpu.mpidr);
            check(frames ? Result<>{} : std::unexpected(frames.error()));
            vm.vgic.attach(id, cpu.mpidr, *frames, cpu.vgic);
        }
        if (!add_gic_traps(baton.platform.arch->gic, config.has_message_controllers, vm.traps)) {
            refuse_to_boot("the GIC has more frames than Baton has room for");
        }
    }
}

} // namespace baton::arm64
