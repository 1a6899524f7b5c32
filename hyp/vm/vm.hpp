// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/kexec/image_store.hpp"
#include "hyp/lifecycle/lifecycle.hpp"
#include "hyp/platform/platform.hpp"

#include <atomic>
#include <optional>

namespace baton {

/// One virtual machine: its vCPUs, each pinned to the CPU of the same CpuId, and its images.
class Vm {
  public:
    struct Setup {
        const Platform* platform;
        Machine* machine;
        std::span<const Step> steps;
        std::span<Lifecycle::Cpu> cpus;
        Lifecycle::Config lifecycle;
        /// Print each handover's report as soon as the next kernel lets Baton have the CPU.
        bool report_at_once;
        /// This CPU answers no kick during the next handover (fault injection).
        std::optional<CpuId> deaf_cpu;
    };

    /// The calling CPU is online from now on, all others are parked.
    void start(const Setup& setup);

    Lifecycle& lifecycle() { return *lifecycle_; }
    ImageStore& images() { return images_; }
    const Platform& platform() const { return *setup_.platform; }

    /// SYSTEM_RESET: a staged image is entered; without one the machine is reset. With baton.rotate
    /// the image in turn is staged first.
    [[noreturn]] void restart();

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
        if (report_due_.load(std::memory_order_relaxed)) {
            report_handover();
        }
    }

    /// This CPU has left the guest: parks it, or enters the next kernel, as the engine says.
    void follow(Next next);

  private:
    void stage_in_turn();
    Result<> vacate_spare_slot();
    [[noreturn]] void await_handover();
    [[noreturn]] void enter_next_kernel();
    void report_handover();

    Setup setup_{};
    ImageStore images_;
    std::optional<Lifecycle> lifecycle_;
    StagedImage entering_{}; ///< between the memory switch and the entry
    std::atomic<bool> report_due_{false};
};

} // namespace baton
