// SPDX-License-Identifier: BSD-2-Clause
//
// From the first instruction in C++ to the first guest: boot_main reads as the story of it.

#include "arch/arm64/boot/boot_gics.hpp"
#include "arch/arm64/boot/boot_machine.hpp"
#include "arch/arm64/boot/boot_memory.hpp"
#include "arch/arm64/boot/boot_vms.hpp"
#include "arch/arm64/boot/bring_up.hpp"
#include "arch/arm64/boot/el2_map.hpp"
#include "arch/arm64/boot/first_look.hpp"
#include "arch/arm64/boot/image.hpp"
#include "arch/arm64/boot/move.hpp"
#include "arch/arm64/console/consoles.hpp"
#include "arch/arm64/departure.hpp"
#include "arch/arm64/firmware.hpp"
#include "arch/arm64/hypervisor.hpp"
#include "arch/arm64/panic/panic.hpp"
#include "arch/arm64/runtime.hpp"
#include "arch/arm64/steps/steps.hpp"
#include "hyp/arch.hpp"
#include "hyp/log/log.hpp"

#include <memory>

namespace baton::arm64 {

/// The boot CPU has no PerCpu yet when it comes in: entry.S.
extern "C" El2Controls boot_el2_controls;
constinit El2Controls boot_el2_controls{};
constinit EntryState boot_entry_state{};

// Constructed by boot_main: a constant initialiser would be a megabyte of image.
alignas(Hypervisor) constinit std::byte hypervisor_storage[sizeof(Hypervisor)]{};

namespace {

/// Reads DTB or tables. With the first look there is a console, and a mistake can be told.
std::span<const std::byte> read_platform(const void* dtb) {
    Platform& platform = hypervisor().platform;
    const auto bytes = locate_dtb(dtb);
    if (!bytes) {
        refuse_to_boot("x0 does not hold the address of a DTB");
    }
    take_first_look(*bytes);
    const auto parsed = read_machine_early(*bytes, platform);
    take_second_look(platform);
    if (!parsed) {
        refuse_to_boot(platform.fault);
    }
    return *bytes;
}

/// In a sentence, for these are the mistakes that a first user makes.
void check_entry(u64 current_el) {
    if (current_el != 2) {
        refuse_to_boot("Baton was entered at EL1 and needs EL2; QEMU's virt machine starts there "
                       "with -M virt,virtualization=on");
    }
    if (read<HCR_EL2>().has(HCR_EL2::E2H)) {
        refuse_to_boot("HCR_EL2.E2H cannot be cleared on this CPU; Baton needs EL2 without VHE");
    }
    if (firmware::psci_version() < 0) {
        refuse_to_boot("the firmware does not answer PSCI_VERSION by SMC");
    }
}

void greet() {
    const Platform& platform = hypervisor().platform;
    log::line("Baton {}: {} CPUs, {} MiB RAM, {} boot images", BATON_VERSION, platform.cpus.size(),
              platform.ram.total() / MiB, platform.boot_images.size());
    for (const char* note : platform.notes) {
        log::line("note: {}", note);
    }
    if (platform.boot_images.empty()) {
        refuse_to_boot("there is no kernel: put one into Baton's own file (tools/bundle), into an "
                       "archive as initrd (tools/bundle --cpio), or into a multiboot,module "
                       "(QEMU: -device guest-loader)");
    }
}

void become_cpu(u64 mpidr) {
    for (PerCpu& cpu : hypervisor().cpus) {
        if (cpu.mpidr == Mpidr{mpidr & MPIDR_EL1::affinity_mask}) {
            cpu.el2_controls = boot_el2_controls;
            cpu.entry_state = boot_entry_state;
            write_raw<TPIDR_EL2>(reinterpret_cast<u64>(&cpu));
            return;
        }
    }
    refuse_to_boot("the firmware does not tell of the CPU that it was booted on");
}

} // namespace

void load_root(const Stage2& root) {
    root.load();
    this_cpu().vmid.store(root.vmid(), std::memory_order_relaxed);
}

void refuse_to_boot(std::string_view why) {
    log::line("panic: refusing to boot: {}", why);
    end_machine();
}

/// @param loaded where the loader put Baton, or first_life: there it is
extern "C" [[noreturn]] void boot_main(const void* dtb, u64 current_el, u64 loaded) {
    Hypervisor& baton = *std::construct_at(reinterpret_cast<Hypervisor*>(hypervisor_storage));
    if (loaded == first_life && early_map_is_on()) {
        begin_second_life(dtb, boot_el2_controls);
    }
    auto firmware_dtb = read_platform(dtb);
    set_stack_guard({baton.platform.seed.data(), baton.platform.seed.size()});
    check_entry(current_el);
    boot_entry_state.save();
    greet();

    divide_machine(firmware_dtb);
    baton.clusters.plan(baton.platform, baton.options.counter_model);
    plan_boot_memory(firmware_dtb, {loaded == first_life ? image::start() : loaded});
    lay_out_pool();
    firmware_dtb = keep_description(firmware_dtb);

    if (baton.spin_table) {
        prepare_spin_table();
    }
    become_cpu(read_raw<MPIDR_EL1>());
    start_gics();
    set_up_this_cpu();
    start_vms();
    open_consoles();
    bring_up_other_cpus();

    const StagedImage& first = stage_images(firmware_dtb);
    start_other_vms();
    log::line("entering the kernel at {}", first.entry);
    log::detach_console();
    arch::prepare_vcpu();
    arch::enter_guest(first.entry, first.description.dtb().value);
}

} // namespace baton::arm64
