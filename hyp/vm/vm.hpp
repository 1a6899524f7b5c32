// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/kexec/image_store.hpp"
#include "hyp/kexec/load.hpp"
#include "hyp/lifecycle/lifecycle.hpp"
#include "hyp/platform/platform.hpp"
#include "hyp/seqlock.hpp"

#include <atomic>
#include <optional>

namespace baton {

/// The architecture's part of a VM.
struct VmArch;

/// One virtual machine: its vCPUs, each pinned to a CPU, and its images.
class Vm {
  public:
    struct Setup {
        VmId id;
        VmArch* arch;
        const Platform* platform;
        std::span<const Step> steps;
        std::span<Vcpu> vcpus;
        VcpuId first; ///< the one that is online from the start; all others are parked
        Lifecycle::Config lifecycle;
        /// Print each handover's report as soon as the next kernel lets Baton have the CPU.
        bool report_at_once;
        /// This vCPU answers no kick during the next handover (fault injection).
        std::optional<VcpuId> deaf_cpu;
        /// Guests may stage images; otherwise boot modules are all there is.
        bool guests_may_load;
        /// A new kernel makes a call within so many seconds, or the machine is reset. 0: no limit.
        u32 watchdog_s;
    };

    void start(const Setup& setup);

    VmId id() const { return setup_.id; }
    VmArch& arch() const { return *setup_.arch; }
    Lifecycle& lifecycle() { return *lifecycle_; }
    const Lifecycle& lifecycle() const { return *lifecycle_; }
    ImageStore& images() { return images_; }
    const ImageStore& images() const { return images_; }
    Load& load() { return *load_; }
    const Setup& setup() const { return setup_; }
    const Platform& platform() const { return *setup_.platform; }

    /// SYSTEM_RESET: a staged image is entered; without one the machine is reset. With baton.rotate
    /// the image in turn is staged first.
    [[noreturn]] void restart();

    /// Enters the staged image if it is the one of that id, or whichever it is if that is 0.
    /// Returns only if it was refused: nothing_staged, stale, busy.
    Error exec(u64 id);
    /// The same as a reset does it: while another CPU stages, it waits. Never busy.
    Error exec_when_free(u64 id);

    /// The claim to what is staged, for a CPU of the running kernel: until it gives the claim back,
    /// no handover begins. False: another CPU has it, or a handover takes this CPU along.
    bool claim_images();
    /// Gives it back, and tells how things stand now.
    void unclaim_images();

    /// The spare slot and its root are the last kernel's: nobody may be on his way out of it. A CPU
    /// that does not come out takes no part any more, and the root that it may still have loaded is
    /// left to it. Called with the claim, before the slot is written.
    /// Errors: busy (a handover takes this CPU along).
    Result<> vacate_spare_slot();

    /// What is staged, or on its way there. For any CPU at any time.
    struct ImageStatus {
        Load::Progress load;
        u64 running_slot;
    };
    ImageStatus image_status() const { return image_status_.read(); }

    /// The memory half of a handover's second phase: the staged image's slot and root are the
    /// current ones from now on. Called by the boot CPU's step.
    void switch_to_staged_image();

    /// For a CPU that was kicked while its guest ran: leaves the guest if a handover wants that.
    void answer_kick();

    /// The same for a CPU whose guest has just met memory that is not there: that is how a lost CPU
    /// notices the fence.
    void leave_if_fenced();

    /// A kernel made a call: it lives, and while it waits for the answer on its first CPU its
    /// console is free.
    void note_call() {
        if (first_call_due_.load(std::memory_order_relaxed)) {
            note_first_call();
        }
    }

    /// The alarm that Vm set with arch::set_alarm has come.
    void on_alarm();

    /// This CPU has left the guest: parks it, or enters the next kernel, as the engine says.
    void follow(Next next);

  private:
    void stage_in_turn();
    void await_images();
    Error exec_claimed(u64 id);
    void publish_status();
    [[noreturn]] void hand_over();
    [[noreturn]] void enter_next_kernel();
    void note_first_call();

    Setup setup_{};
    ImageStore images_;
    std::optional<Load> load_;
    Seqlock<ImageStatus> image_status_; ///< by who has the claim
    std::optional<Lifecycle> lifecycle_;
    const StagedImage* entering_ = nullptr; ///< between the memory switch and the entry
    std::atomic<bool> first_call_due_{false};
    u64 watchdog_at_ = 0; ///< ticks; set before the CPU that it is for enters the kernel
};

} // namespace baton
