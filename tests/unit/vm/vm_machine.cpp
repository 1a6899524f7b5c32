// SPDX-License-Identifier: BSD-2-Clause
#include "tests/unit/vm/vm_machine.hpp"

#include "hyp/log/log.hpp"

namespace baton::test {
namespace {

/// The end of what was logged so far.
u64 end_of_log() {
    u64 position = 0;
    std::array<char, 4096> buffer;
    while (const usize size = log::copy_out(position, buffer)) {
        position += size;
    }
    return position;
}

} // namespace

// --- the machine as boot leaves it ---------------------------------------------------------------

VmMachine::VmMachine(const Options& options)
    : layout{.image = {{0x7e00'0000}, 2 * MiB},
             .pool = {{0x7e20'0000}, 2 * MiB},
             .slots = {PhysRange{{0x4400'0000}, 16 * MiB}, PhysRange{{0x7c00'0000}, 16 * MiB}}},
      down{options.down} {
    here_ = this;
    log_begin_ = end_of_log();
    (void)layout.vms.push(
        {.whole = {{0x5400'0000}, 48 * MiB},
         .slots = {PhysRange{{0x5400'0000}, 16 * MiB}, PhysRange{{0x5600'0000}, 16 * MiB}}});
    (void)layout.vms.push(
        {.whole = {{0x5800'0000}, 80 * MiB},
         .slots = {PhysRange{{0x5800'0000}, 16 * MiB}, PhysRange{{0x5c00'0000}, 16 * MiB}}});
    put_boot_images();
    for (u32 n = 0; n < 3; n++) {
        const VmConfig& config = division_->vm(VmId{n});
        threads_.push_back(std::make_unique<MachineVm>(*this, vms_[n], config.cpus.size()));
        const std::span<Vcpu> vcpus = threads_[n]->vcpus();
        for (u32 i = 0; i < vcpus.size(); i++) {
            vcpus[i].id = VcpuId{i};
            vcpus[i].cpu = config.cpus[i];
        }
        machine.add(*threads_[n]);
        vms_[n].start({.id = VmId{n},
                       .name = config.name,
                       .all = {vms_.get(), 3},
                       .arch = nullptr,
                       .platform = platform_.get(),
                       .steps = table_of_steps(options.has_unsafe_step),
                       .vcpus = vcpus,
                       .first = n == 0 ? std::optional{VcpuId{0}} : std::nullopt,
                       .lifecycle = options.lifecycle,
                       .memory = config.memory,
                       .on_reset = config.on_reset,
                       .report_at_once = options.report_at_once,
                       .deaf_cpu = n == 0 ? options.deaf_host_vcpu : std::nullopt,
                       .guests_may_load = options.guests_may_load,
                       .watchdog_s = options.watchdog_s});
        prepare_images(vms_[n], options);
    }
    cpu(host_vm).in_guest = true;
    machine.start();
    first_images();
}

VmMachine::~VmMachine() {
    machine.stop();
    here_ = nullptr;
}

/// What the loader brought: each kernel's bytes say whose it is.
void VmMachine::put_boot_images() {
    const char* const fillings[]{"h", "aA", "b"};
    for (u32 n = 0; n < 3; n++) {
        const char* filling = fillings[n];
        for (const BootImage& image : division_->vm(VmId{n}).boot_images) {
            memory.put(image.kernel.begin, kernel_image(100'000, MiB, *filling++));
            if (n != 0) {
                kept_modules_.push_back(image.kernel);
            }
            if (image.ramdisk) {
                memory.put(image.ramdisk->begin, "ramdisk");
                kept_modules_.push_back(*image.ramdisk);
            }
        }
    }
}

void VmMachine::prepare_images(Vm& vm, const Options& options) {
    const auto& boot_images = division_->vm(vm.id()).boot_images;
    vm.images().init({.vm = vm.id(),
                      .platform = platform_.get(),
                      .boot_images = {boot_images.begin(), boot_images.end()},
                      .firmware_dtb = firmware_,
                      .layout = &layout,
                      .kept_modules = kept_modules_,
                      .division = division_.get(),
                      .granules = any_granule,
                      .spin_table = std::nullopt,
                      .rotate = vm.is_host() ? options.host_rotates : options.others_rotate});
    for (const Vcpu& vcpu : vm.lifecycle().vcpus()) {
        if (!arch::is_up(vcpu)) {
            vm.images().exclude(vcpu);
        }
    }
}

/// By the host VM's first CPU, as at boot.
void VmMachine::first_images() {
    on(host_vm, [this] {
        for (u32 n = 0; n < 3; n++) {
            Vm& vm = vms_[n];
            if (!vm.claim_images() ||
                (n == 0 ? !vm.images().stage_first() : !vm.images().stage_next())) {
                std::abort();
            }
            vm.unclaim_images();
        }
    });
}

std::string VmMachine::log() const {
    std::string text;
    u64 position = log_begin_;
    log::read(position, ~u64{0}, [&](std::string_view piece) { text += piece; });
    return text;
}

// --- a handover's steps --------------------------------------------------------------------------

std::span<const Step> VmMachine::table_of_steps(bool has_unsafe_step) {
    static constexpr auto table = [](bool is_safe) {
        return std::array{
            Step{"guest", Stage::drain, leave_guest, true},
            Step{"vms", Stage::gather, shut_others, true},
            Step{"memory", Stage::gather, switch_images, true},
            Step{"root", Stage::take_down, drop_root, is_safe},
        };
    };
    static constexpr auto safe = table(true);
    static constexpr auto unsafe = table(false);
    static_assert(well_formed(safe) && first_unsafe(safe) == nullptr);
    return has_unsafe_step ? unsafe : safe;
}

void VmMachine::leave_guest(Vcpu& vcpu) {
    here().cpu(vcpu.vm->id(), index(vcpu.id)).in_guest = false;
}
void VmMachine::shut_others(Vcpu& vcpu) { vcpu.vm->shut_others(); }
void VmMachine::switch_images(Vcpu& vcpu) { vcpu.vm->switch_images(); }
void VmMachine::drop_root(Vcpu& vcpu) {
    if (here().in_last_step) {
        here().in_last_step(vcpu);
    }
}

} // namespace baton::test
