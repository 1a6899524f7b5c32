// SPDX-License-Identifier: BSD-2-Clause
#include "arch/arm64/boot/boot_memory.hpp"
#include "arch/arm64/boot/boot_vms.hpp"
#include "arch/arm64/hypervisor.hpp"
#include "hyp/arch.hpp"
#include "hyp/log/log.hpp"

#include <cstring>

namespace baton::arm64 {

namespace {

/// Boot modules stay where they are for a VM that begins anew from them.
bool keeps_modules(VmId vm) { return vm != host_vm || hypervisor().options.rotate; }

/// Nothing of an earlier life of the machine is in it.
void clear_shared_memory() {
    for (const PhysRange& region : hypervisor().layout.shared) {
        std::memset(arch::bytes(region.begin), 0, region.size);
        arch::publish_bytes(region);
    }
}

void keep_modules() {
    Hypervisor& baton = hypervisor();
    for (u32 n = 0; n < baton.vms.size(); n++) {
        if (!keeps_modules(VmId{n})) {
            continue;
        }
        for (const BootImage& image : baton.division.vm(VmId{n}).boot_images) {
            (void)baton.kept_modules.push(image.kernel); // room for all of them
            if (image.ramdisk) {
                (void)baton.kept_modules.push(*image.ramdisk);
            }
        }
    }
}

std::optional<GuestInterrupt> console_of(const VmArch& vm) {
    return vm.console ? std::optional{GuestInterrupt{.id = vm.console_interrupt}} : std::nullopt;
}

void prepare_images(Vm& vm, std::span<const std::byte> firmware_dtb) {
    Hypervisor& baton = hypervisor();
    const auto& boot_images = baton.division.vm(vm.id()).boot_images;
    const VmArch& arch = vm.arch();
    ImageStore& images = vm.images();
    images.init({.vm = vm.id(),
                 .platform = &baton.platform,
                 .boot_images = {boot_images.begin(), boot_images.end()},
                 .firmware_dtb = firmware_dtb,
                 .layout = &baton.layout,
                 .kept_modules = {baton.kept_modules.data(), baton.kept_modules.size()},
                 .division = baton.vms.size() > 1 ? &baton.division : nullptr,
                 .console = console_of(arch),
                 .shared = {arch.shared.data(), arch.shared.size()},
                 .granules = cpu_granules(),
                 .spin_table = baton.spin_table,
                 .counter_units = baton.clusters.describe(baton.platform),
                 .rotate = keeps_modules(vm.id()) && (!vm.is_host() || boot_images.size() > 1)});
    for (const Vcpu& vcpu : vm.lifecycle().vcpus()) {
        if (!arch::is_up(vcpu)) {
            images.exclude(vcpu);
        }
    }
}

/// One that is off starts with what is staged.
void stage_first_of(Vm& vm) {
    (void)vm.claim_images(); // nobody else is there yet
    if (const auto first = vm.images().stage_next(); !first) {
        log::line("{}first image: {}", vm.prefix(), describe(first.error()));
        refuse_to_boot("the first kernel of a VM cannot be staged");
    }
    vm.unclaim_images();
}

const StagedImage& stage_host_images(Vm& vm) {
    ImageStore& images = vm.images();
    (void)vm.claim_images(); // as above
    const auto first = images.stage_first();
    if (!first) {
        log::line("first image: {}", describe(first.error()));
        refuse_to_boot("the first kernel cannot be staged");
    }
    if (hypervisor().division.vm(host_vm).boot_images.size() > 1) {
        if (const auto next = images.stage_next(); !next) {
            log::line("warning: the next image is not staged: {}", describe(next.error()));
        }
    }
    vm.unclaim_images();
    return **first;
}

} // namespace

const StagedImage& stage_images(std::span<const std::byte> firmware_dtb) {
    keep_modules();
    clear_shared_memory();
    const auto vms = hypervisor().vms;
    for (Vm& vm : vms) {
        prepare_images(vm, firmware_dtb);
        if (!vm.is_host()) {
            stage_first_of(vm);
        }
    }
    return stage_host_images(vms[0]);
}

} // namespace baton::arm64
