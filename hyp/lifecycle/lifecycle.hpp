// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/address.hpp"
#include "hyp/arch.hpp"
#include "hyp/lifecycle/gate.hpp"
#include "hyp/lifecycle/order.hpp"
#include "hyp/lifecycle/report.hpp"
#include "hyp/lifecycle/state.hpp"
#include "hyp/lifecycle/step.hpp"
#include "hyp/lifecycle/vcpu.hpp"
#include "hyp/result.hpp"
#include "hyp/static_vector.hpp"
#include "hyp/types.hpp"

#include <atomic>
#include <optional>
#include <span>

namespace baton {

/// What the caller does when the engine returns.
enum class Next {
    resume, ///< go on with the guest
    park,   ///< this CPU has left its guest for good: sleep, ask `take_start` and `start`
    enter,  ///< this CPU led a handover: enter the next kernel
};

/// What a handover ends with.
enum class Then {
    enter, ///< the next kernel
    stop,  ///< none: the VM is off
};

/// The lifecycle of one VM's CPUs: CPU_ON, CPU_OFF, and the handover from one kernel to the next.
///
/// Every function acts for the CPU that calls it (arch::self), in the hypervisor, with its
/// interrupts masked. "Online" below means a CPU that came back from `take_start`, or the first
/// one.
///
/// What another VM orders of this one: `give`. Each CPU of this VM then asks
///   - `ordered`, after each kick and before it enters its guest, be that as a boot CPU or as one
///     that was started or on its way back from a call that has waited; it calls `obey`;
///   - `start`, each time it wakes in its park loop, after `take_start`.
///
/// The protocol is checked as tests/model/handover.pml; its names are the names here.
class Lifecycle {
  public:
    struct Config {
        /// Take APs down one after another even where all steps are parallel-safe.
        bool serial = false;
        /// How long the boot CPU waits for APs to leave the guest (serial: for each one).
        u64 deadline_ms = 100;
    };

    /// @param steps the table, well_formed; it outlives the engine
    /// @param vcpus all of the VM, indexed by VcpuId; their standing as it was constructed
    /// @param first the CPU that is online from the start, if the VM is not off; all others are
    ///        idle_dead
    Lifecycle(std::span<const Step> steps, std::span<Vcpu> vcpus, std::optional<VcpuId> first,
              Config config);

    // --- power -----------------------------------------------------------------------------------

    enum class CpuOn {
        success,
        already_on,
        on_pending,
        lost,      ///< the target missed a deadline of a handover: it never runs a guest again
        timed_out, ///< the target has been on its way down for longer than the deadline
        park,      ///< nothing was started: a handover took the caller. As Next::park
    };

    /// CPU_ON of `target`, called by an online CPU. Of several callers one succeeds. Waits for a
    /// target that is on its way to idle_dead.
    CpuOn cpu_on(VcpuId target, Start start);

    /// CPU_OFF of the caller, an online CPU. Runs its drain and take_down steps.
    /// @return park: it is off. resume: denied, because the VM has no other CPU
    Next cpu_off();

    /// For a parked CPU, each time it wakes: has it been started? With a value, it is online now
    /// and enters its guest there. A kick that belongs to nothing (any more) gives no value, and so
    /// does everything on a lost CPU.
    std::optional<Start> take_start();

    /// Any CPU, at any time; no more than a moment's truth.
    State state(VcpuId cpu) const {
        return vcpus_[index(cpu)].standing.load(std::memory_order_acquire).state;
    }

    // --- handover --------------------------------------------------------------------------------

    /// Replaces the kernel, or ends it, called by an online CPU. There is no way back from here.
    /// @return enter: all other CPUs are out of the guest, or lost and fenced, and all steps are
    ///         done; this is the one CPU online. park: another CPU's handover came first; or, with
    ///         Then::stop, the VM is off. APs may still be in phase 3 then, as beside a kernel
    Next exec(Then then = Then::enter);

    /// What the handover in hand ends with; for its steps, and for its boot CPU after `exec`,
    /// `obey` and `start`.
    Then then() const { return then_; }

    /// True when an online CPU has to leave its guest: it calls `join`. To be asked after each
    /// kick, and before a fault of the guest is answered: a lost CPU comes to Baton by one, since
    /// it has no memory any more. A kick older than the kernel that this CPU is in asks for
    /// nothing.
    bool handover_wanted() const { return gate_.load().epoch != own_epoch(); }

    /// Leaves the guest as an AP of the handover that is going on, called by an online CPU.
    /// @return park: this CPU is idle_dead or lost. resume: no handover wants it
    Next join();

    /// Has no CPU online, and none on its way: off since the beginning, or since a handover with
    /// Then::stop. Any CPU, at any time; no more than a moment's truth.
    bool is_off() const { return Gate::is_off(gate_.load()); }

    // --- orders ----------------------------------------------------------------------------------

    /// Called by a CPU of another VM. The order is carried out once, whatever goes on in the VM,
    /// unless all its CPUs are lost; it is not waited for. One that waits because the CPU died that
    /// has just stopped the VM is carried out when the next is given.
    /// @return false: another order waits
    bool give(Order order);

    /// The order that waits for an online CPU: it calls `obey`, once it has prepared what the
    /// handover takes. As long as `handover_wanted` is false, it stays the same.
    Order ordered() const { return orders_.waiting(); }

    /// Hands over as `exec` does, because of the order.
    /// @return as `exec`. resume: none waits any more
    Next obey();

    /// For a parked CPU, each time it wakes: is the VM off, and is a kernel ordered? Then this CPU
    /// leads a handover without APs, whose number and report are like those of any other. CPUs that
    /// were lost stay so.
    /// @return enter, or park: go on sleeping
    Next start();

    /// For a CPU of the host VM that takes the machine away from all others (phase 2 of a host
    /// kexec): orders the VM to stop and waits until it is off, for good. Whatever goes on in the
    /// VM, a start and a handover of its own included, comes to its end first. `give` Order::stop
    /// long before, and to all VMs, so that they stop at the same time.
    /// @return false: it is not off. Its CPUs may be anywhere, so take its memory away from them
    bool shut(Ticks deadline);

    // --- writes to the guest's memory ------------------------------------------------------------

    /// Around what an online CPU itself writes to its guest's memory, from Baton, where taking the
    /// memory away from the guest stops nobody. Short and bounded: a handover that loses this CPU
    /// waits for `end_write`.
    /// @return false: a handover has begun, so there is nothing to be written any more
    bool begin_write();
    void end_write();

    // --- the way out of the old kernel -----------------------------------------------------------

    /// The boot CPU says that it is about to enter the next kernel; the trace ends here.
    void entering() { reach(phases_.entered); }

    /// Called by an online CPU before it reuses what the last kernel ran on (its slot, its stage-2
    /// root), by one at a time: waits until each CPU that left it is idle_dead, since phase 3 may
    /// overlap the next kernel. One that is not at the deadline is lost from now on, but may go on
    /// with its steps at any time, so what it still holds of the last kernel is never used again.
    /// CPUs that were lost before are not waited for.
    /// @param of_caller the engine of the VM that the calling CPU is of, mostly this one; null: the
    ///        CPU is parked, and no handover takes it along
    /// @return those lost, valid until the next call. busy: a handover has begun, of this VM or
    ///         the caller's, which calls `join` then
    Result<std::span<const VcpuId>> quiesce(const Lifecycle* of_caller);
    Result<std::span<const VcpuId>> quiesce() { return quiesce(this); }
    /// The first CPU that is still on its way out of an earlier kernel.
    std::optional<VcpuId> straggler() const;

    /// The last handover whose third phase has begun. A CPU that was parked all along takes no part
    /// in it; what others left on it for the kernel before, it drops when this number grows.
    u64 taken_down() const;

    // --- what happened ---------------------------------------------------------------------------

    /// Of the last handover, for any CPU in Baton after `entering`. Nothing before the first
    /// handover, after one that stopped the VM, and when the next one began meanwhile.
    std::optional<Report> report() const;

    /// True if `cpu` was lost in handover `handover` (a Report's number).
    bool lost_in(VcpuId cpu, u64 handover) const {
        return vcpus_[index(cpu)].lost_in.load(std::memory_order_relaxed) == handover;
    }
    /// The APs that the handover just led has lost, for its boot CPU after `exec`.
    std::span<const VcpuId> lost() const { return {lost_.data(), lost_.size()}; }
    const VcpuTrace& trace(VcpuId cpu) const { return vcpus_[index(cpu)].trace; }
    const PhaseTrace& phases() const { return phases_; }
    std::span<Vcpu> vcpus() const { return vcpus_; }
    std::span<const Step> steps() const { return steps_; }
    usize cpu_count() const { return vcpus_.size(); }
    u64 deadline_ms() const { return deadline_ * 1000 / arch::frequency(); }

  private:
    static Vcpu& me() { return arch::self(); }
    /// Others change only the state beside it.
    u64 own_epoch() const { return me().standing.load(std::memory_order_relaxed).epoch; }
    VcpuId boot_cpu() const { return VcpuId{phases_.boot_cpu.load(std::memory_order_relaxed)}; }
    const Vcpu& boot_vcpu() const { return vcpus_[index(boot_cpu())]; }

    void kick_all();
    CpuOn claim(Vcpu& cpu, u64 epoch);
    void lose_straggler(Vcpu& cpu, u64 epoch);
    void add(Report& report, const Vcpu& cpu) const;

    // handover.cpp: the three phases.
    Next lead(Vcpu& self, Ticks began, Then then);
    bool claim_self(Vcpu& self, u64 epoch);
    void follow(Vcpu& self, u64 handover);
    void run(Vcpu& self, Stage stage);
    void reach(Stamp& milestone);

    // rendezvous.cpp: the boot CPU's side, then an AP's.
    void command_aps(u64 handover, Stage stage);
    void await_aps(Vcpu& self, u64 handover, Stage stage);
    void await_ap(Vcpu& ap, u64 handover, Stage stage);
    void lose_ap(Vcpu& ap, u64 handover);
    void await_writes();
    void await_command(Vcpu& self, u64 handover, Stage stage);
    bool become_teardown(Vcpu& self);
    void become_idle_dead(Vcpu& self);

    /// Sleeps until `condition`, which each kick and each `poll` make it look at again.
    /// @return false if the deadline came first
    template <class Condition>
    bool wait_until(Condition condition, Ticks deadline, Ticks poll = arch::never) {
        while (!condition()) {
            const Ticks now = arch::now();
            if (now >= deadline) {
                return false;
            }
            arch::wait(poll < deadline - now ? now + poll : deadline);
        }
        return true;
    }
    /// The moment that far from now.
    Ticks in(Ticks span) const { return arch::now() + span; }

    const std::span<const Step> steps_;
    const std::span<Vcpu> vcpus_;
    const Step* const fallback_; ///< the row that forbids the parallel walk, where that is wanted
    const bool serial_;
    const Ticks deadline_;     ///< for an AP to leave the guest, for a CPU on its way down
    const Ticks boot_timeout_; ///< for a boot CPU, beyond every sum of deadlines
    const Ticks poll_;         ///< between two looks at what no kick announces

    alignas(128) Gate gate_;
    Orders orders_; ///< beside the gate, for a boot CPU reads it when it has opened that
    /// Parallel walk: the last command to all APs.
    alignas(128) std::atomic<u64> commanded_all_{0};
    /// Of the handover in hand; only its boot CPU touches it.
    StaticVector<VcpuId, max_cpus> lost_;
    PhaseTrace phases_;
    Then then_ = Then::enter; ///< likewise
    /// By the last `quiesce`; only its caller touches it.
    StaticVector<VcpuId, max_cpus> stragglers_lost_;
};

} // namespace baton
