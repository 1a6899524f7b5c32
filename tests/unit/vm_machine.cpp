// SPDX-License-Identifier: BSD-2-Clause
#include "tests/unit/vm_machine.hpp"

#include "hyp/crypto/sha256.hpp"
#include "hyp/log/log.hpp"

namespace baton::test {
namespace {

// How the functions that do not return leave Baton.
struct Parked {};
struct Entered {};
struct Ended {};

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

// --- its CPUs ------------------------------------------------------------------------------------

void MachineVm::run(Vcpu& self) {
    VmMachine::Cpu& cpu = machine_.cpu(vm.id(), index(self.id));
    while (!machine_.machine.stopping()) {
        try {
            if (cpu.stopped) {
                machine_.machine.wait(arch::never);
            } else if (cpu.in_guest) {
                turn_in_guest(self);
            } else {
                turn_parked();
            }
        } catch (const Parked&) {
            cpu.in_guest = false;
        } catch (const Entered&) {
            cpu.in_guest = true;
        } catch (const Ended&) {
            cpu.stopped = true;
        }
    }
}

void MachineVm::turn_in_guest(Vcpu& self) {
    VmMachine::Cpu& cpu = machine_.cpu(vm.id(), index(self.id));
    machine_.machine.wait(cpu.alarm);
    if (arch::now() >= cpu.alarm) {
        cpu.alarm = arch::never;
    }
    vm.answer_kick();
    std::function<void()> posted;
    {
        const std::lock_guard lock{cpu.mutex};
        posted.swap(cpu.posted);
    }
    if (posted) {
        posted();
        vm.answer_kick(); // it may have waited, and taken kicks
    }
}

void MachineVm::turn_parked() {
    if (const auto start = vm.lifecycle().take_start()) {
        arch::prepare_vcpu();
        vm.answer_kick();
        arch::enter_guest(start->entry, start->argument);
    }
    vm.start_if_ordered();
    machine_.machine.wait(arch::never);
}

u32 VmMachine::lead(VmId vm) {
    const auto vcpus = static_cast<u32>(vms_[index(vm)].lifecycle().cpu_count());
    for (u32 vcpu = 0; vcpu < vcpus; vcpu++) {
        if (cpu(vm, vcpu).in_guest) {
            return vcpu;
        }
    }
    return 0;
}

usize VmMachine::entries(VmId vm) {
    usize sum = 0;
    for (const Vcpu& vcpu : vms_[index(vm)].lifecycle().vcpus()) {
        sum += cpu(vm, index(vcpu.id)).entries.size();
    }
    return sum;
}

void VmMachine::post(VmId vm, u32 vcpu, std::function<void()> what) {
    REQUIRE(cpu(vm, vcpu).in_guest);
    post_later(vms_[index(vm)].lifecycle().vcpus()[vcpu], std::move(what));
}

void VmMachine::post_later(const Vcpu& vcpu, std::function<void()> what) {
    Cpu& its = cpu(vcpu.vm->id(), index(vcpu.id));
    {
        const std::lock_guard lock{its.mutex};
        its.posted = std::move(what);
    }
    machine.kick(vcpu.cpu);
}

void VmMachine::on(VmId vm, u32 vcpu, std::function<void()> what) {
    post(vm, vcpu, std::move(what));
    machine.rest();
}

void VmMachine::cpu_on(VmId vm, u32 vcpu) {
    on(vm, [&, vcpu] {
        const auto answer =
            vms_[index(vm)].lifecycle().cpu_on(VcpuId{vcpu}, {{0x1234'0000}, 0x5678});
        CHECK(answer == Lifecycle::CpuOn::success);
    });
    CHECK(cpu(vm, vcpu).in_guest);
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
    if (here().before_step) {
        here().before_step("guest", vcpu);
    }
    here().cpu(vcpu.vm->id(), index(vcpu.id)).in_guest = false;
}
void VmMachine::shut_others(Vcpu& vcpu) {
    if (here().before_step) {
        here().before_step("vms", vcpu);
    }
    vcpu.vm->shut_others();
}
void VmMachine::switch_images(Vcpu& vcpu) {
    if (here().before_step) {
        here().before_step("memory", vcpu);
    }
    vcpu.vm->switch_images();
}
void VmMachine::drop_root(Vcpu& vcpu) {
    if (here().before_step) {
        here().before_step("root", vcpu);
    }
}

// --- calls ---------------------------------------------------------------------------------------

std::optional<VmMachine::Answer> VmMachine::try_call(VmId vm, u32 vcpu, u32 function,
                                                     std::array<u64, 5> arguments) {
    std::optional<Answer> answer;
    on(vm, vcpu, [&] {
        GuestCall call{.function = function, .mask = ~u64{0}, .arguments = {}};
        std::ranges::copy(arguments, call.arguments);
        Vm& its = vms_[index(vm)];
        its.note_call();
        const CallResult result = hypercall(its, call);
        answer = {result.status, {result.values[0], result.values[1], result.values[2]}};
    });
    return answer;
}

baton_load VmMachine::load_request(VmId vm, std::initializer_list<baton_piece> pieces, u32 kind) {
    baton_load request{};
    request.kind = kind;
    request.vm = index(vm);
    for (const baton_piece& piece : pieces) {
        request.pieces[request.piece_count++] = piece;
    }
    return request;
}

VmMachine::Answer VmMachine::begin(VmId caller, const baton_load& request) {
    memory.put_struct(scratch(caller), request);
    return call(caller, BATON_LOAD_BEGIN, {scratch(caller).value, sizeof request});
}

VmMachine::Answer VmMachine::copy(VmId caller, u64 id, u64 piece, u64 offset,
                                  std::string_view chunk) {
    memory.put(scratch(caller), chunk);
    return call(caller, BATON_LOAD_COPY, {id, piece, offset, scratch(caller).value, chunk.size()});
}

VmMachine::Answer VmMachine::seal(VmId caller, u64 id, std::string_view all, u32 flags) {
    Sha256 hash;
    hash.update(std::as_bytes(std::span{all}));
    const auto digest = hash.finish();
    baton_seal request{};
    std::memcpy(request.digest, digest.data(), sizeof request.digest);
    request.flags = flags;
    memory.put_struct(scratch(caller), request);
    return call(caller, BATON_LOAD_SEAL, {id, scratch(caller).value, sizeof request});
}

u64 VmMachine::stage(VmId caller, VmId vm, std::string_view kernel, u32 kind) {
    const VmId named = vm == caller ? host_vm : vm; // 0: the caller's own
    const Answer begun =
        begin(caller, load_request(named, {{BATON_PIECE_KERNEL, 0, kernel.size()}}, kind));
    REQUIRE(begun.status == BATON_OK);
    const u64 id = begun.values[0];
    REQUIRE(copy(caller, id, 0, 0, kernel).status == BATON_OK);
    REQUIRE(seal(caller, id, kernel).status == BATON_OK);
    return id;
}

baton_status VmMachine::status_of(VmId vm) {
    const u64 at = scratch(vm).value;
    const Answer answer = call(vm, BATON_STATUS, {at, sizeof(baton_status)});
    REQUIRE(answer == Answer{BATON_OK, {sizeof(baton_status)}});
    return memory.get<baton_status>({at});
}

baton_vm_status VmMachine::vm_status(VmId vm) {
    const u64 at = scratch(host_vm).value;
    const Answer answer = call(host_vm, BATON_VM_STATUS, {index(vm), at, sizeof(baton_vm_status)});
    REQUIRE(answer == Answer{BATON_OK, {sizeof(baton_vm_status)}});
    return memory.get<baton_vm_status>({at});
}

} // namespace baton::test

// --- the rest of hyp/arch.hpp --------------------------------------------------------------------

namespace baton::arch {
namespace {

using test::VmMachine;

VmMachine::Cpu& this_cpu() {
    const Vcpu& vcpu = self();
    return VmMachine::here().cpu(vcpu.vm->id(), index(vcpu.id));
}

[[noreturn]] void end_machine(test::End end) {
    VmMachine::here().end = end;
    throw test::Ended{};
}

} // namespace

void park() { throw test::Parked{}; }
void prepare_vcpu() { this_cpu().alarm = never; }
void enter_guest(GuestAddr entry, u64 argument) {
    this_cpu().entries.push_back({entry, argument});
    throw test::Entered{};
}
void set_alarm(u64 ticks) { this_cpu().alarm = ticks; }
bool is_up(const Vcpu& vcpu) { return VmMachine::here().down != vcpu.cpu; }

bool is_guest_memory(const Vm& vm, GuestAddr address) {
    return VmMachine::here().memory.maps(vm.id(), vm.images().running_slot(), to_phys(address));
}
std::span<const PhysRange> memory_in_use(VmId vm) {
    const auto& all = VmMachine::here().in_use;
    return vm == host_vm ? std::span<const PhysRange>{all} : std::span<const PhysRange>{};
}
void flush_console(VmId vm) { VmMachine::here().flushed.push_back(vm); }

bool ring_doorbell(VmId vm, u64 region) {
    if (region != 0 || vm == test::vm_a) {
        return false; // the one region is the host VM's and b's
    }
    VmMachine::here().rang.push_back(vm);
    return true;
}

void power_off() { end_machine(test::End::power_off); }
void reset() { end_machine(test::End::reset); }
void leave(const StagedImage& image, bool cpus_are_missing) {
    VmMachine::here().left_to = image;
    VmMachine::here().cpus_were_missing = cpus_are_missing;
    end_machine(test::End::left);
}
bool has_resident_trusted_os() { return VmMachine::here().has_trusted_os; }

} // namespace baton::arch
