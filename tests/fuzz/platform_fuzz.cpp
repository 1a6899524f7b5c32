// SPDX-License-Identifier: BSD-2-Clause

/// libFuzzer: any bytes may be handed to Baton as the DTB. What is read, and the guest's DTB that
/// is built from it, must stay within bounds; a DTB that is built is well-formed.
#include "arch/arm64/platform/arch_platform.hpp"
#include "hyp/memory/layout.hpp"
#include "hyp/platform/division/vm_config.hpp"
#include "hyp/platform/dtb/fdt.hpp"
#include "hyp/platform/guest/guest_dtb.hpp"
#include "hyp/platform/options/options.hpp"
#include "hyp/platform/parse/first_look.hpp"
#include "hyp/platform/platform.hpp"

#include <cstdlib>
#include <memory>
#include <vector>

using namespace baton;

extern "C" int LLVMFuzzerTestOneInput(const u8* data, usize size) {
    // A copy of the exact size at an aligned address: reads past the end are seen.
    const std::vector<std::byte> dtb(reinterpret_cast<const std::byte*>(data),
                                     reinterpret_cast<const std::byte*>(data) + size);
    // What is read of a tree that is sound is the same at the second look.
    const FirstLook first = look_first(Bytes(dtb));
    if (const auto fdt = Fdt::open_unchecked(dtb)) {
        (void)arm64::has_psci_by_smc(*fdt);
    }
    auto platform = std::make_unique<arm64::FullPlatform>();
    if (!parse_platform(dtb, *platform)) {
        return 0;
    }
    if (first.uart != platform->uart || first.bootargs != platform->bootargs) {
        std::abort();
    }
    auto division = std::make_unique<Division>();
    const bool divided = divide(dtb, *platform, *division).has_value();
    if (divided != division->fault().empty()) {
        std::abort();
    }
    Options options;
    (void)parse_options(platform->bootargs, options);
    std::vector<PhysRange> modules;
    for (const BootImage& image : platform->boot_images) {
        modules.push_back(image.kernel);
    }
    const auto scratch = std::make_unique<LayoutScratch>();
    std::vector<VmMemoryRequest> vms;
    for (usize vm = 1; divided && vm < division->vms().size(); vm++) {
        const VmConfig& config = division->vms()[vm];
        vms.push_back({config.memory, config.slot_size, 0});
    }
    const std::span<const PhysRange> ram{platform->ram.begin(), platform->ram.size()};
    const auto layout = plan_memory({.ram = ram,
                                     .reserved = platform->reserved,
                                     .image = {platform->ram[0].begin, page_size},
                                     .dtb = {platform->ram[0].begin, page_size},
                                     .modules = modules,
                                     .pool_size = 4 * MiB,
                                     .slot_size = options.slot_size,
                                     .least_slot_size = 8 * MiB,
                                     .vms = vms},
                                    *scratch);
    MemoryMap memory;
    if (layout) {
        (void)guest_memory(**layout, host_vm, SlotId{0}, ram, platform->reserved, modules, memory);
    }
    std::vector<std::byte> buffer(2 * size + 4096);
    GuestDtb built;
    if (build_guest_dtb(dtb,
                        {.memory = {memory.begin(), memory.size()},
                         .bootargs = platform->bootargs,
                         .initrd = std::nullopt,
                         .seed = platform->seed},
                        buffer, built)) {
        if (!Fdt::open(Bytes(buffer).first(built.size)) ||
            built.cpu_count != platform->cpus.size()) {
            std::abort();
        }
        for (u32 i = 0; i < built.cpu_count; i++) {
            disable_cpu(std::span(buffer).first(built.size), built, i);
        }
        if (!Fdt::open(Bytes(buffer).first(built.size))) {
            std::abort();
        }
    }
    for (u32 vm = 0; divided && vm < division->vms().size(); vm++) {
        const bool done = build_guest_dtb(dtb,
                                          {.memory = {memory.begin(), memory.size()},
                                           .division = division.get(),
                                           .vm = VmId{vm},
                                           .console = GuestInterrupt{.id = InterruptId{120}}},
                                          buffer, built)
                              .has_value();
        if (done && (!Fdt::open(Bytes(buffer).first(built.size)) ||
                     built.cpu_count != division->vm(VmId{vm}).cpus.size())) {
            std::abort();
        }
    }
    return 0;
}
