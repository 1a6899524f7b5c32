// SPDX-License-Identifier: BSD-2-Clause
#include "guest-api/guest/smp.hpp"

#include "guest-api/guest/fdt.hpp"
#include "guest-api/guest/gic.hpp"
#include "guest-api/guest/layout.hpp"
#include "guest-api/guest/mmu.hpp"

#include <algorithm>
#include <cstddef>

namespace baton::guest {

/// The linker script makes room for as many as the guest may have CPUs.
extern "C" char guest_stacks[], guest_stacks_end[];

namespace {

static_assert(offsetof(Cpu, stack_top) == CPU_STACK_TOP && offsetof(Cpu, entry) == CPU_ENTRY_STATE);

constexpr u64 stack_size = 8 * KiB;

constinit std::array<Cpu, max_cpus> all_cpus{};
u32 cpu_count;

u32 stack_count() {
    return static_cast<u32>(static_cast<u64>(guest_stacks_end - guest_stacks) / stack_size);
}

[[noreturn]] void take_jobs(Cpu& self) {
    self.online.store(true, std::memory_order_release);
    for (;;) {
        if (self.has_job.load(std::memory_order_acquire)) {
            unmask_interrupts();
            self.job.function(self.job.context);
            self.has_job.store(false, std::memory_order_release);
        }
        {
            // Masked, so that a wake-up between the look and WFI still ends the WFI.
            const InterruptsMasked masked;
            if (!self.has_job.load(std::memory_order_acquire)) {
                wfi();
            }
        }
        isb();
    }
}

void enter_interrupts() {
    gic::init_cpu();
    gic::set_handler(wake_sgi, [](u32) {});
    gic::enable(wake_sgi);
    enable_wait_alarm();
    unmask_interrupts();
}

bool wait_until_off(const Cpu& cpu) {
    const auto off = [&] { return psci::affinity_info(cpu.mpidr) == psci::Affinity::off; };
    return require("the CPU goes off", wait_until(patience(), off), "CPU {}", cpu.index);
}

} // namespace

std::span<Cpu> cpus() { return {all_cpus.data(), cpu_count}; }

Cpu* read_cpus() {
    Cpu* self = nullptr;
    const auto node = Node::at_path("/cpus");
    for (auto child = node->first_child(); child; child = child->next_sibling()) {
        if (child->text("device_type") != "cpu" || cpu_count == stack_count()) {
            continue;
        }
        Cpu& cpu = all_cpus[cpu_count];
        cpu.mpidr = child->number("reg").value_or(0);
        cpu.index = cpu_count;
        cpu.enabled = child->enabled();
        cpu.stack_top = reinterpret_cast<u64>(guest_stacks) + (cpu_count + 1) * stack_size;
        cpu_count++;
        if (cpu.mpidr == own_affinity()) {
            self = &cpu;
        }
    }
    return self;
}

u32 enabled_cpus() { return static_cast<u32>(std::ranges::distance(enabled())); }

u64 patience() { return 5'000 + 200 * u64{cpu_count}; }

extern "C" char ap_entry[];

psci::Status call_cpu_on(Cpu& cpu) {
    return psci::cpu_on(cpu.mpidr, reinterpret_cast<u64>(ap_entry), reinterpret_cast<u64>(&cpu));
}

psci::Status start(Cpu& cpu) {
    cpu.online.store(false, std::memory_order_relaxed);
    cpu.has_job.store(false, std::memory_order_release);
    return call_cpu_on(cpu);
}

bool start_all() {
    u32 refused = 0;
    for (Cpu& cpu : cpus()) {
        if (cpu.enabled && !cpu.online) {
            const psci::Status status = start(cpu);
            refused += !require("CPU_ON succeeds", status == psci::Status::success, "CPU {}: {}",
                                cpu.index, static_cast<std::int64_t>(status));
        }
    }
    const auto missing = [](const Cpu& cpu) { return cpu.enabled && !cpu.online; };
    (void)wait_until(patience(), [&] { return std::ranges::none_of(cpus(), missing); });
    u32 late = 0;
    for (const Cpu& cpu : cpus()) {
        late += !require("the CPU comes online", !missing(cpu), "CPU {}", cpu.index);
    }
    return refused + late == 0;
}

void post(Cpu& cpu, Job job) {
    cpu.job = job;
    cpu.has_job.store(true, std::memory_order_release);
    gic::send_sgi(wake_sgi, cpu);
}

bool wait_for_jobs(std::string_view what) {
    const auto busy = [](const Cpu& cpu) { return cpu.has_job.load(std::memory_order_acquire); };
    (void)wait_until(patience(), [&] { return std::ranges::none_of(cpus(), busy); });
    u32 late = 0;
    for (const Cpu& cpu : cpus()) {
        late += !require(what, !busy(cpu), "CPU {} does not finish", cpu.index);
    }
    return late == 0;
}

void leave() {
    this_cpu().online.store(false, std::memory_order_release);
    this_cpu().has_job.store(false, std::memory_order_release);
    const psci::Status status = psci::cpu_off();
    check("CPU_OFF does not return", false, "CPU {}: {}", this_cpu().index,
          static_cast<std::int64_t>(status));
    end();
}

bool stop(Cpu& cpu) {
    post(cpu, {[](const void*) { leave(); }, nullptr});
    return wait_until_off(cpu);
}

bool stop_all() {
    for (Cpu& cpu : aps_online()) {
        post(cpu, {[](const void*) { leave(); }, nullptr});
    }
    u32 late = 0;
    for (const Cpu& cpu : cpus()) {
        late += cpu.enabled && &cpu != &this_cpu() && !wait_until_off(cpu);
    }
    return late == 0;
}

/// With the MMU off: no exclusives, no output. A machine that this cannot read is left.
extern "C" Cpu* guest_early(const void* dtb) {
    Cpu* self = nullptr;
    if (use_dtb(dtb)) {
        read_platform();
        build_translation();
        self = read_cpus();
    }
    if (self == nullptr) {
        psci::system_off();
    }
    return self;
}

/// A test that wants to look brings its own.
[[gnu::weak]] void look_at_entry(Cpu&) {}

extern "C" [[noreturn]] void guest_start(Cpu& self) {
    look_at_entry(self);
    if (self.entry.x0 == reinterpret_cast<u64>(&self)) {
        enter_interrupts();
        take_jobs(self);
    }
    open_console();
    if (!check("entered at EL1", self.entry.current_el == CurrentEL::EL1.value)) {
        end();
    }
    gic::init_distributor();
    enter_interrupts();
    self.online = true;
    guest_main();
    end();
}

} // namespace baton::guest
