// SPDX-License-Identifier: BSD-2-Clause
//
// From the first instruction in C++ to the first guest: boot_main reads as the story of it.

#include "arch/arm64/boot_memory.hpp"
#include "arch/arm64/bring_up.hpp"
#include "arch/arm64/departure.hpp"
#include "arch/arm64/device_memory.hpp"
#include "arch/arm64/el2_map.hpp"
#include "arch/arm64/faults.hpp"
#include "arch/arm64/firmware.hpp"
#include "arch/arm64/hypervisor.hpp"
#include "arch/arm64/panic.hpp"
#include "arch/arm64/runtime.hpp"
#include "arch/arm64/steps.hpp"
#include "hyp/arch.hpp"
#include "hyp/devices/virtio.hpp"
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

void read_options() {
    Hypervisor& baton = hypervisor();
    const OptionProblems problems = parse_options(baton.platform.bootargs, baton.options);
    for (const OptionProblem& problem : problems) {
        log::line("warning: option {} ignored: {}", problem.word, problem.why);
    }
    set_panic_action(baton.options.panic);
    plan_faults({baton.options.step_faults.begin(), baton.options.step_faults.end()},
                guest_kexec_steps());
}

/// Reads the DTB; from then on there is a console, and a mistake can be told.
std::span<const std::byte> read_platform(const void* dtb) {
    Hypervisor& baton = hypervisor();
    const auto bytes = locate_dtb(dtb);
    if (!bytes) {
        refuse_to_boot("x0 does not hold the address of a DTB");
    }
    const auto parsed = parse_platform(*bytes, baton.platform);
    if (baton.platform.uart && map_early(baton.platform.uart->frame, HypMemory::device)) {
        baton.console.emplace(baton.platform.uart->frame.begin);
        log::attach_console([](std::string_view text) { hypervisor().console->write(text); });
    }
    read_options();
    if (!parsed) {
        refuse_to_boot(baton.platform.fault);
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
        refuse_to_boot("there is no kernel: pass one as a multiboot,module (QEMU: -device "
                       "guest-loader,addr=ADDRESS,kernel=FILE)");
    }
}

void become_cpu(u64 mpidr) {
    for (PerCpu& cpu : hypervisor().cpus) {
        if (cpu.mpidr == (mpidr & MPIDR_EL1::affinity_mask)) {
            cpu.el2_controls = boot_el2_controls;
            cpu.entry_state = boot_entry_state;
            write_raw<TPIDR_EL2>(reinterpret_cast<u64>(&cpu));
            return;
        }
    }
    refuse_to_boot("the DTB has no node for the CPU that it was booted on");
}

void start_gic() {
    Hypervisor& baton = hypervisor();
    auto done = baton.gic.init(baton.platform, this_cpu().mpidr);
    if (done) {
        baton.vgic.init(baton.gic, baton.gic.spis(), true);
    }
    for (PerCpu& cpu : baton.cpus) {
        if (!done) {
            break;
        }
        if (const auto frames = baton.gic.attach(cpu.id, cpu.mpidr); frames) {
            baton.vgic.attach(cpu.id, cpu.mpidr, *frames, cpu.vgic);
        } else {
            done = std::unexpected(frames.error());
        }
    }
    if (!done) {
        log::line("GIC: {}", describe(done.error()));
        refuse_to_boot("the GIC cannot be set up");
    }
}

/// Empty frames would cost an access each in every blackout.
void find_virtio_mmio() {
    Hypervisor& baton = hypervisor();
    MappedDevices devices;
    for (const PhysRange& frame : baton.platform.virtio_mmio) {
        if (virtio::has_mmio_device(devices, frame.begin)) {
            (void)baton.host_arch.virtio_mmio.push(frame); // as many as the platform's: never full
        }
    }
}

std::optional<VcpuId> vcpu_of(std::optional<CpuId> cpu) {
    const auto& cpus = hypervisor().cpus;
    return cpu && index(*cpu) < cpus.size() ? std::optional{cpus[index(*cpu)].vcpu->id}
                                            : std::nullopt;
}

/// The VM is there before the other CPUs are: they park in it.
void start_vm() {
    Hypervisor& baton = hypervisor();
    baton.host_arch.devices = {baton.platform.devices.begin(), baton.platform.devices.end()};
    baton.host_arch.pci_hosts = {baton.platform.pci_hosts.begin(), baton.platform.pci_hosts.end()};
    baton.host.start(
        {.id = host_vm,
         .arch = &baton.host_arch,
         .platform = &baton.platform,
         .steps = faults_are_planned() ? guest_kexec_steps_with_faults() : guest_kexec_steps(),
         .vcpus = baton.vcpus,
         .first = this_cpu().vcpu->id,
         .lifecycle = {.serial = baton.options.teardown == TeardownMode::serial,
                       .deadline_ms = baton.options.deadline_ms},
         .report_at_once = baton.options.report,
         .deaf_cpu = vcpu_of(baton.options.lost_cpu),
         .guests_may_load = baton.options.load,
         .watchdog_s = baton.options.watchdog_s});
}

/// The images go into their slots; returns what the boot CPU enters.
StagedImage stage_images(std::span<const std::byte> firmware_dtb) {
    Hypervisor& baton = hypervisor();
    ImageStore& images = baton.host.images();
    (void)baton.host.claim_images(); // nobody else is there yet
    images.init({.vm = host_vm,
                 .platform = &baton.platform,
                 .firmware_dtb = firmware_dtb,
                 .layout = baton.layout,
                 .granules = cpu_granules(),
                 .spin_table = baton.spin_table,
                 .dsus = baton.clusters.describe(baton.platform),
                 .rotate = baton.options.rotate});
    for (const PerCpu& cpu : baton.cpus) {
        if (!arch::is_up(*cpu.vcpu)) {
            images.exclude(cpu.vcpu->id);
        }
    }
    const auto first = images.stage_first();
    if (!first) {
        log::line("first image: {}", describe(first.error()));
        refuse_to_boot("the first kernel cannot be staged");
    }
    if (baton.platform.boot_images.size() > 1) {
        if (const auto next = images.stage_next(); !next) {
            log::line("warning: the next image is not staged: {}", describe(next.error()));
        }
    }
    baton.host.unclaim_images();
    return *first;
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

extern "C" [[noreturn]] void boot_main(const void* dtb, u64 current_el) {
    Hypervisor& baton = *std::construct_at(reinterpret_cast<Hypervisor*>(hypervisor_storage));
    auto firmware_dtb = read_platform(dtb);
    set_stack_guard({baton.platform.seed.data(), baton.platform.seed.size()});
    check_entry(current_el);
    boot_entry_state.save();
    greet();

    baton.clusters.plan(baton.platform, baton.options.dsu_model);
    plan_boot_memory(firmware_dtb);
    lay_out_pool();
    firmware_dtb = keep_dtb(firmware_dtb);

    if (baton.spin_table) {
        prepare_spin_table();
    }
    become_cpu(read_raw<MPIDR_EL1>());
    start_gic();
    set_up_this_cpu();
    find_virtio_mmio();
    start_vm();
    bring_up_other_cpus();

    const StagedImage first = stage_images(firmware_dtb);
    log::line("entering the kernel at {}", first.entry);
    log::release_console();
    arch::prepare_vcpu();
    arch::enter_guest(first.entry, first.dtb.value);
}

} // namespace baton::arm64
