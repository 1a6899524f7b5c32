// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/arch.hpp"
#include "hyp/lifecycle/vcpu.hpp"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <mutex>
#include <random>
#include <span>
#include <thread>
#include <utility>
#include <vector>

namespace baton::test {

/// A VM whose vCPUs are CPUs of a ThreadMachine, one after another.
class VmOfThreads {
  public:
    virtual ~VmOfThreads() = default;
    virtual std::span<Vcpu> vcpus() = 0;
    virtual void run(Vcpu& self) = 0; ///< a CPU's life. Returns soon after `stopping`
    virtual void fence_lost(std::span<const VcpuId> lost) = 0;
    [[noreturn]] virtual void lost_boot_cpu(VcpuId boot) = 0;
};

/// A machine whose CPUs are host threads. Each CPU is of one VM.
///
/// Its clock does not follow the host's: it leaps to the earliest deadline when every CPU sleeps,
/// so a deadline passes only where nothing else could happen any more, however slow the host is.
/// Each look at the clock makes it tick once, so later stamps are greater.
///
/// What orders two threads is the latch of a kick, one mutex per CPU. All else is relaxed, so that
/// ThreadSanitizer sees what the engine itself does not order.
class ThreadMachine {
  public:
    explicit ThreadMachine(u32 cpus) : seats_(std::make_unique<Seat[]>(cpus)), size_{cpus} {
        machine_ = this;
    }
    ~ThreadMachine() {
        stop();
        machine_ = nullptr;
    }
    ThreadMachine(const ThreadMachine&) = delete;
    ThreadMachine& operator=(const ThreadMachine&) = delete;

    // --- hyp/arch.hpp, by arch.cpp -----------------------------------------------------------

    /// The machine that the calling thread is a CPU of, or has made; else null.
    static ThreadMachine* current() { return machine_; }
    static ThreadMachine& here() { return *machine_; }

    /// Of the calling CPU.
    VmOfThreads& vm() { return *seats_[current_].vm; }
    Vcpu& vcpu() { return *seats_[current_].vcpu; }

    Ticks now() const { return {clock_.fetch_add(1, std::memory_order_relaxed) + 1}; }
    static Ticks frequency() { return {1'000'000'000}; }

    void kick_others() {
        for (const Vcpu& other : vm().vcpus()) {
            if (&other != &vcpu()) {
                latch_kick(seats_[index(other.cpu)]);
            }
        }
        dawdle_after_kick();
    }

    void kick(CpuId cpu) {
        latch_kick(seats_[index(cpu)]);
        dawdle_after_kick();
    }

    void wait(Ticks deadline) {
        Seat& seat = seats_[current_];
        std::unique_lock lock{seat.mutex};
        if (is_short(deadline) && is_impatient()) {
            leap_to(time() + frequency() / 5);
        } else if (stopping() && deadline != arch::never) {
            leap_to(deadline);
        }
        if (!seat.kicked && !stopping() && time() < deadline) {
            sleep(seat, deadline, lock);
        }
        seat.kicked = false;
    }

    // --- for the CPUs of a test --------------------------------------------------------------

    /// Takes this CPU's kick, if there is one: an interrupt that reaches a running guest.
    bool take_kick() {
        Seat& seat = seats_[current_];
        const std::lock_guard lock{seat.mutex};
        return std::exchange(seat.kicked, false);
    }

    bool stopping() const { return stopping_.load(std::memory_order_relaxed); }

    /// This CPU does nothing at all until `resume`, whatever kicks come.
    void stall() {
        Seat& seat = seats_[current_];
        std::unique_lock lock{seat.mutex};
        seat.stalled = true;
        sleep(seat, arch::never, lock);
    }

    // --- for the test itself -----------------------------------------------------------------

    /// Before `start`: its vCPUs' CPUs are no other VM's.
    void add(VmOfThreads& vm) {
        for (Vcpu& vcpu : vm.vcpus()) {
            seats_[index(vcpu.cpu)].vm = &vm;
            seats_[index(vcpu.cpu)].vcpu = &vcpu;
        }
    }

    /// Each CPU begins its life, in a thread of its own; returns when none can go on.
    void start() {
        running_ = static_cast<int>(size_) + 1; // the test itself counts as well
        for (u32 cpu = 0; cpu < size_; cpu++) {
            threads_.emplace_back([this, cpu] {
                machine_ = this;
                current_ = cpu;
                vm().run(vcpu());
            });
        }
        rest();
    }

    /// Lets the CPUs run until none can go on: all sleep without a deadline, or are stalled. From
    /// then on, and before the first call, time stands still while the test prepares what is next.
    void rest() {
        if (running_.fetch_sub(1, std::memory_order_relaxed) == 1) {
            nobody_runs();
        }
        std::unique_lock lock{rest_mutex_};
        rest_changed_.wait(lock, [this] { return at_rest_; });
        at_rest_ = false;
        running_.fetch_add(1, std::memory_order_relaxed);
    }

    void resume(CpuId cpu) {
        Seat& seat = seats_[index(cpu)];
        const std::lock_guard lock{seat.mutex};
        seat.stalled = false;
        wake(seat);
    }

    void stop() {
        stopping_ = true;
        for (u32 cpu = 0; cpu < size_; cpu++) {
            Seat& seat = seats_[cpu];
            const std::lock_guard lock{seat.mutex};
            seat.stalled = false;
            wake(seat);
        }
        for (std::thread& thread : threads_) {
            thread.join();
        }
        threads_.clear();
    }

    /// Makes each kick last until all CPUs but the kicker sleep. When that one comes to wait for
    /// them, it finds its condition true and takes no kick which would order anything.
    void dawdle() { dawdling_ = true; }

    /// How often a CPU was kicked; at rest.
    u32 kicks(CpuId cpu) const { return seats_[index(cpu)].kicks; }

    /// How often time had to pass because nothing else could happen.
    u32 leaps() const { return leaps_; }

    /// In one short wait of `n` the clock leaps over the deadlines of all short waits, however much
    /// could still happen before.
    void be_impatient(u32 n) { impatience_ = n; }

  private:
    struct alignas(128) Seat {
        VmOfThreads* vm = nullptr;
        Vcpu* vcpu = nullptr;
        std::mutex mutex;
        std::condition_variable woken;
        bool kicked = false;
        u32 kicks = 0;
        bool asleep = false;
        bool stalled = false;
        Ticks deadline = arch::never;
    };

    void latch_kick(Seat& seat) {
        const std::lock_guard lock{seat.mutex};
        seat.kicked = true;
        seat.kicks++;
        wake(seat);
    }

    void dawdle_after_kick() {
        if (!dawdling_ || current_ == outside ||
            dawdler_.exchange(true, std::memory_order_relaxed)) {
            return; // one at a time, or two would wait for each other
        }
        while (running_.load(std::memory_order_relaxed) > 1) {
            std::this_thread::yield();
        }
        dawdler_.store(false, std::memory_order_relaxed);
    }

    /// The sleeper is counted in again by whoever wakes it, so `running_` is never too small.
    void wake(Seat& seat) {
        if (seat.asleep && !seat.stalled) {
            seat.asleep = false;
            running_.fetch_add(1, std::memory_order_relaxed);
            seat.woken.notify_one();
        }
    }

    void sleep(Seat& seat, Ticks deadline, std::unique_lock<std::mutex>& lock) {
        seat.asleep = true;
        seat.deadline = deadline;
        if (running_.fetch_sub(1, std::memory_order_relaxed) == 1) {
            lock.unlock();
            nobody_runs();
            lock.lock();
        }
        seat.woken.wait(lock, [&seat] { return !seat.asleep; });
    }

    /// Called by the last one that went to sleep: the clock leaps, or the machine is at rest.
    void nobody_runs() {
        Ticks earliest = arch::never;
        for_each_seat([&](Seat& seat) {
            if (seat.asleep && !seat.stalled) {
                earliest = std::min(earliest, seat.deadline);
            }
        });
        if (earliest == arch::never) {
            const std::lock_guard lock{rest_mutex_};
            at_rest_ = true;
            rest_changed_.notify_all();
            return;
        }
        leaps_++;
        leap_to(earliest);
        for_each_seat([&](Seat& seat) {
            if (seat.deadline <= earliest) {
                wake(seat);
            }
        });
    }

    template <class Function>
    void for_each_seat(Function function) {
        for (u32 cpu = 0; cpu < size_; cpu++) {
            const std::lock_guard lock{seats_[cpu].mutex};
            function(seats_[cpu]);
        }
    }

    /// Without a tick.
    Ticks time() const { return {clock_.load(std::memory_order_relaxed)}; }
    void leap_to(Ticks time) {
        u64 now = clock_.load(std::memory_order_relaxed);
        while (now < time.count &&
               !clock_.compare_exchange_weak(now, time.count, std::memory_order_relaxed)) {
        }
    }

    bool is_short(Ticks deadline) const { return deadline < time() + frequency(); }

    bool is_impatient() const {
        thread_local std::minstd_rand random{current_ + 1};
        return impatience_ != 0 && random() % impatience_ == 0;
    }

    static constexpr u32 outside = ~0U; ///< the test's own thread
    static inline thread_local u32 current_ = outside;
    static inline thread_local ThreadMachine* machine_ = nullptr;

    std::unique_ptr<Seat[]> seats_;
    u32 size_;
    std::vector<std::thread> threads_;
    mutable std::atomic<u64> clock_{0};
    std::atomic<int> running_{0};
    std::atomic<bool> stopping_{false};
    u32 impatience_ = 0;
    u32 leaps_ = 0;
    bool dawdling_ = false;
    std::atomic<bool> dawdler_{false};

    std::mutex rest_mutex_;
    std::condition_variable rest_changed_;
    bool at_rest_ = false;
};

} // namespace baton::test
