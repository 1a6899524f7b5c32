// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/kexec/image_store.hpp"
#include "hyp/kexec/load.hpp"
#include "hyp/lifecycle/lifecycle.hpp"
#include "hyp/log/log.hpp"
#include "hyp/platform/division/vm_config.hpp"
#include "hyp/platform/platform.hpp"
#include "hyp/seqlock.hpp"

#include <atomic>
#include <optional>
#include <string_view>

namespace baton {

/// The architecture's part of a VM.
struct VmArch;

/// One virtual machine: its vCPUs, each pinned to a CPU, its images, and how its kernels end.
///
/// Functions act for the CPU that calls them (arch::self). Those that another VM's CPU may call say
/// so; all others are for the VM's own.
class Vm {
  public:
    struct Setup {
        VmId id;
        std::string_view name;
        std::span<Vm> all; ///< the machine's, by VmId
        VmArch* arch;
        const Platform* platform;
        std::span<const Step> steps;
        std::span<Vcpu> vcpus;
        std::optional<VcpuId> first; ///< the one that is online from the start; nothing: it is off
        Lifecycle::Config lifecycle;
        u64 memory; ///< bytes that its kernel has
        OnReset on_reset;
        /// Print each handover's report as soon as the next kernel lets Baton have the CPU.
        bool report_at_once;
        /// This vCPU answers no kick during the next handover (fault injection).
        std::optional<VcpuId> deaf_cpu;
        /// Guests may stage images; otherwise boot modules are all there is.
        bool guests_may_load;
        /// A new kernel makes a call within so many seconds, or the VM is reset. 0: no limit.
        u32 watchdog_s;
    };

    void start(const Setup& setup);

    VmId id() const { return setup_.id; }
    bool is_host() const { return setup_.id == host_vm; }
    VmArch& arch() const { return *setup_.arch; }
    Lifecycle& lifecycle() { return *lifecycle_; }
    const Lifecycle& lifecycle() const { return *lifecycle_; }
    ImageStore& images() { return images_; }
    const ImageStore& images() const { return images_; }
    Load& load() { return *load_; }
    const Setup& setup() const { return setup_; }
    const Platform& platform() const { return *setup_.platform; }
    /// What the log's lines about it begin with: its name, but for the host VM nothing.
    std::string_view prefix() const { return {prefix_.data(), prefix_size_}; }
    /// For lines that its guest can cause.
    log::Budget& log_budget() { return log_budget_; }

    // --- how a kernel ends (vm_end.cpp) ----------------------------------------------------------

    /// A staged image is entered. Without one: the host VM resets the machine, another begins anew
    /// from its boot images, or stays off, as it was told. With baton.rotate the image in turn is
    /// staged first.
    [[noreturn]] void restart();

    /// The VM is off from now on; the host VM's end is the machine's.
    [[noreturn]] void power_off();

    /// Enters the staged image if it is the one of that id, or whichever it is if that is 0.
    /// Returns only if it was refused: nothing_staged, stale, busy.
    Error exec(u64 id);
    /// The same as a reset does it: while another CPU stages, it waits. Never busy.
    Error exec_when_free(u64 id);

    /// The memory half of a handover's second phase: the staged image's slot and root are the
    /// current ones from now on, unless the VM stops. Called by the boot CPU's step.
    void switch_images();

    /// Host kexec: every other VM is off, or is fenced. Called by the boot CPU's step.
    void shut_others();

    // --- what the host VM does with another (vm_orders.cpp) --------------------------------------

    /// By a CPU of another VM: a kernel is entered, the one that is staged or the next boot image.
    /// The VM is told, not waited for. Errors: nothing_staged (there is neither), busy.
    Result<> order_kernel();
    /// By a CPU of another VM: the image of that id is entered. Errors: stale, nothing_staged,
    /// busy.
    Result<> order_kernel(u64 id);
    /// By a CPU of another VM: it is off from now on. Errors: busy.
    Result<> order_stop();

    /// For a parked CPU each time it wakes: leads the VM's start, if one is ordered.
    void start_if_ordered();

    // --- images ----------------------------------------------------------------------------------

    /// The claim to what is staged, for a CPU of the running kernel or of the host VM: until it
    /// gives the claim back, no handover begins. False: another CPU has it, or a handover takes
    /// this CPU along.
    bool claim_images();
    /// Gives it back, and tells how things stand now.
    void unclaim_images();

    /// The spare slot and its root are the last kernel's: nobody may be on his way out of it. A CPU
    /// that does not come out takes no part any more, and the root that it may still have loaded is
    /// left to it. Called with the claim, before the slot is written.
    /// @param of_caller the engine of the VM that this CPU is of; null for a parked CPU
    /// Errors: busy (a handover takes this CPU along).
    Result<> vacate_spare_slot(const Lifecycle* of_caller);

    /// What is staged, or on its way there. For any CPU at any time.
    struct ImageStatus {
        Load::Progress load;
        SlotId running_slot;
    };
    ImageStatus image_status() const { return image_status_.read(); }

    // --- exits -----------------------------------------------------------------------------------

    /// For a CPU that was kicked, or whose alarm has come, while its guest ran: leaves the guest if
    /// a handover, an order or the watchdog wants that.
    void answer_kick();

    /// The same for a CPU whose guest has just met memory that is not there: that is how a lost CPU
    /// notices the fence.
    void park_if_fenced();

    /// A kernel made a call: it lives, and while it waits for the answer on its first CPU its
    /// console is free.
    void note_call() {
        if (first_call_due_.load(std::memory_order_relaxed)) {
            note_first_call();
        }
    }

    /// This CPU has left the guest: parks it, or enters the next kernel, as the engine says.
    void follow(Next next);

  private:
    bool stage_in_turn(const Lifecycle* of_caller);
    void await_images();
    Error exec_claimed(u64 id);
    bool has_next_image();
    void publish_status();
    [[noreturn]] void hand_over(Then then);
    [[noreturn]] void reset_without_image();
    [[noreturn]] void enter_next_kernel();
    void obey_order();
    void follow_start(Next next);
    void note_first_call();
    bool watchdog_has_come() const;

    Setup setup_{};
    ImageStore images_;
    std::optional<Load> load_;
    Seqlock<ImageStatus> image_status_; ///< by who has the claim
    std::optional<Lifecycle> lifecycle_;
    const StagedImage* entering_ = nullptr; ///< between the memory switch and the entry
    std::atomic<bool> first_call_due_{false};
    Ticks watchdog_at_{}; ///< set before the CPU that it is for enters the kernel
    std::array<char, 40> prefix_{};
    usize prefix_size_ = 0;
    log::Budget log_budget_;
};

} // namespace baton
