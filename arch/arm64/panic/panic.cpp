// SPDX-License-Identifier: BSD-2-Clause
#include "arch/arm64/panic/panic.hpp"

#include "arch/arm64/boot/image.hpp"
#include "arch/arm64/cpu/barrier.hpp"
#include "arch/arm64/cpu/missing_registers.hpp"
#include "arch/arm64/cpu/percpu.hpp"
#include "arch/arm64/cpu/registers.hpp"
#include "arch/arm64/cpu/time.hpp"
#include "arch/arm64/firmware.hpp"
#include "arch/arm64/gic/sgi.hpp"
#include "arch/arm64/hypervisor.hpp"
#include "arch/arm64/panic/backtrace.hpp"
#include "hyp/log/log.hpp"

#include <atomic>
#include <utility>

namespace baton::arm64 {
namespace {

struct State {
    std::atomic<bool> begun{false};
    std::atomic<u32> stopped{0};
    std::atomic<bool> ended{false};
    std::atomic<PanicAction> action{PanicAction::reset};
};
constinit State state{};

constexpr u64 wait_for_others_ms = 200;

u32 other_cpus_running() {
    u32 others = 0;
    for (const PerCpu& cpu : hypervisor().cpus) {
        if (&cpu != &this_cpu() && cpu.running.load(std::memory_order_relaxed)) {
            others++;
        }
    }
    return others;
}

void stop_others() {
    const u32 others = other_cpus_running();
    if (others == 0) {
        return;
    }
    gic::kick_all_others();
    const Deadline deadline = Deadline::in_ms(wait_for_others_ms);
    while (state.stopped.load(std::memory_order_relaxed) < others && !deadline.passed()) {
        yield();
    }
    const u32 stopped = state.stopped.load(std::memory_order_relaxed);
    log::line("panic: {} of {} other CPUs stopped", stopped, others);
}

// Arm's semihosting (SYS_EXIT_EXTENDED, ADP_Stopped_ApplicationExit): the debugger, or QEMU with
// -semihosting-config, ends with this status.
void semihosting_exit(u64 status) {
    const u64 block[2] = {0x20026, status};
    register u64 x0 asm("x0") = 0x20;
    register const u64* x1 asm("x1") = block;
    asm volatile("hlt #0xf000" : "+r"(x0) : "r"(x1) : "memory");
}

/// True for the one CPU that may speak. A panic inside the panic ends it all the same.
void claim_or_stop() {
    static constinit std::atomic<u64> speaker{~u64{0}};
    const u64 self = read_raw<MPIDR_EL1>();
    u64 none = ~u64{0};
    if (!speaker.compare_exchange_strong(none, self, std::memory_order_relaxed)) {
        if (none == self) {
            end_machine();
        }
        stop_for_panic();
    }
    state.begun.store(true, std::memory_order_relaxed);
}

const char* describe_kind(u64 kind) {
    constexpr const char* names[] = {"synchronous exception", "IRQ", "FIQ", "SError"};
    return names[kind & 3];
}

/// The end of the stack that `address` lies in; 0 if it is none of this CPU's.
u64 stack_end(u64 address) {
    if (image::boot_stack().contains(PhysAddr{address})) {
        return image::boot_stack().end().value;
    }
    if (read_raw<TPIDR_EL2>() == 0) {
        return 0;
    }
    const PerCpu& self = this_cpu();
    for (const auto [top, size] : {std::pair{self.stack_top, stack_size},
                                   std::pair{self.emergency_stack_top, emergency_stack_size}}) {
        if (address < top && top - address <= size) {
            return top;
        }
    }
    return 0;
}

bool in_stack_guard(u64 address) {
    if (image::boot_stack_guard().contains(PhysAddr{address})) {
        return true;
    }
    const u64 bottom = read_raw<TPIDR_EL2>() == 0 ? 0 : this_cpu().stack_top - stack_size;
    return address < bottom && bottom - address <= page_size;
}

// An image that was entered at EL1 must be able to say so.
bool at_el2() {
    u64 current_el;
    asm("mrs %0, CurrentEL" : "=r"(current_el));
    return current_el == 2 << 2;
}

} // namespace

void set_panic_action(PanicAction action) { state.action.store(action, std::memory_order_relaxed); }

void end_machine() {
    log::flush_all();
    // Where nobody takes it, the SMC or HLT is an exception, and comes back here.
    const bool tried = state.ended.exchange(true, std::memory_order_relaxed);
    switch (tried ? PanicAction::halt : state.action.load(std::memory_order_relaxed)) {
    case PanicAction::semihosting:
        semihosting_exit(1);
        break;
    case PanicAction::reset:
        if (at_el2()) {
            firmware::system_reset();
        }
        break;
    case PanicAction::halt:
        break;
    }
    for (;;) {
        wfi();
    }
}

bool panicking() { return state.begun.load(std::memory_order_relaxed); }

void stop_for_panic() {
    state.stopped.fetch_add(1, std::memory_order_relaxed);
    for (;;) {
        wfi();
    }
}

void panic(std::string_view why) {
    claim_or_stop();
    const u64 fp = reinterpret_cast<u64>(__builtin_frame_address(0));
    log::line("panic: CPU {}: {}", this_cpu_number(), why);
    log_backtrace(reinterpret_cast<u64>(__builtin_return_address(0)),
                  *reinterpret_cast<const u64*>(fp), stack_end(fp));
    stop_others();
    end_machine();
}

/// Returns if Baton can go on behind the instruction.
extern "C" void handle_hypervisor_exception(PanicFrame* frame) {
    if (stand_in_for_register(*frame)) {
        return;
    }
    claim_or_stop();
    const auto esr = read<ESR_EL2>();
    const u64 elr = read_raw<ELR_EL2>();
    const u64 far = read_raw<FAR_EL2>();
    const Symbol at = find_symbol(elr);
    log::line("panic: CPU {}: {} at EL2 in {}+{x}{}", this_cpu_number(), describe_kind(frame->kind),
              at.name, at.offset, in_stack_guard(far) ? ": stack overflow" : "");
    log::line("  ESR_EL2 {p} (EC {x}, ISS {x}) FAR_EL2 {p} HPFAR_EL2 {p}", esr.value,
              ESR_EL2::exception_class(esr), ESR_EL2::iss(esr), far, read_raw<HPFAR_EL2>());
    log::line("  ELR_EL2 {p} SPSR_EL2 {p} MPIDR_EL1 {p}", elr, read_raw<SPSR_EL2>(),
              read_raw<MPIDR_EL1>());
    for (u32 n = 0; n < 30; n += 3) {
        log::line("  x{} {p} x{} {p} x{} {p}", n, frame->x[n], n + 1, frame->x[n + 1], n + 2,
                  frame->x[n + 2]);
    }
    log::line("  x30 {p} sp {p}", frame->x[30], frame->sp);
    log_backtrace(elr, frame->x[29], stack_end(frame->x[29]));
    stop_others();
    end_machine();
}

} // namespace baton::arm64
