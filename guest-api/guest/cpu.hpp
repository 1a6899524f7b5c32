// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "guest-api/guest/exception.hpp"
#include "guest-api/guest/registers.hpp"
#include "hyp/address.hpp"

#include <atomic>
#include <span>

/// The CPUs of the DTB.
namespace baton::guest {

/// What a CPU found when it entered the guest, before it changed anything.
struct EntryState {
    u64 x0, x1_x2_x3; ///< the latter joined by |
    u64 current_el, daif;
    u64 sctlr, ttbr0, tcr, mair, vbar, tpidr;
};

/// Of 32 interrupts, one bit each.
struct InterruptState {
    u32 enabled, pending, active;
    u32 group_1, any_priority;

    bool operator==(const InterruptState&) const = default;
};

/// Something to be run by another CPU. What it refers to must live until it has run.
struct Job {
    void (*function)(const void*);
    const void* context;

    template <class Body>
    static Job of(const Body& body) {
        return {[](const void* context) { (*static_cast<const Body*>(context))(); }, &body};
    }
};

struct alignas(64) Cpu {
    u64 stack_top; ///< entry.S reads it, and fills in what comes next
    EntryState entry;
    u64 mpidr;
    u32 index; ///< the place of its node in /cpus
    bool enabled;
    PhysAddr redistributor;            ///< set by gic::init_cpu
    InterruptState entered_interrupts; ///< SGIs and PPIs as gic::init_cpu found them
    Recovery* recovery;
    Job job;
    std::atomic<bool> has_job;
    std::atomic<bool> online; ///< in the loop that takes jobs
};

inline Cpu& this_cpu() { return *reinterpret_cast<Cpu*>(read_raw<TPIDR_EL1>()); }

/// All of them, disabled ones too, in the order of the DTB.
std::span<Cpu> cpus();

inline u64 own_affinity() { return read_raw<MPIDR_EL1>() & MPIDR_EL1::affinity_mask; }

inline void mask_interrupts() { asm volatile("msr daifset, #3" ::: "memory"); }
inline void unmask_interrupts() { asm volatile("msr daifclr, #3" ::: "memory"); }

/// Masks IRQ and FIQ of this CPU while it lives.
class InterruptsMasked {
  public:
    InterruptsMasked() : before_{read_raw<DAIF>()} { mask_interrupts(); }
    ~InterruptsMasked() { write_raw<DAIF>(before_); }
    InterruptsMasked(const InterruptsMasked&) = delete;
    InterruptsMasked& operator=(const InterruptsMasked&) = delete;

  private:
    u64 before_;
};

/// Reads /cpus. Returns the CPU this runs on, nullptr if the DTB has none of its MPIDR.
Cpu* read_cpus();

} // namespace baton::guest
