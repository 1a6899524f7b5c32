// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/lifecycle/lifecycle.hpp"
#include "tests/unit/thread_machine.hpp"

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace baton::test {

/// A VM on a ThreadMachine: each CPU runs a guest that idles, makes the calls that a test posts,
/// and answers kicks and orders, as hyp/vm and arch/ do for a real one.
///
/// What the protocol protects is plain memory here, so that ThreadSanitizer reports every access
/// that the protocol failed to order.
class TestVm : public VmOfThreads {
  public:
    struct alignas(128) Record {
        u64 kernel = 0; ///< that this CPU is in: what it found in the VM's memory when it entered
        std::vector<std::string> steps;    ///< of its last handover or CPU_OFF, in order
        u64 drained = 0;                   ///< plain: its drain steps write it, gather reads it
        std::atomic<bool> in_guest{false}; ///< runs the guest right now
        std::atomic<u32> starts_given{0};  ///< CPU_ONs of it that succeeded
        std::atomic<u32> launches{0};      ///< times it came into the guest by one
        std::minstd_rand random;
        std::function<Next()> call; ///< posted by the test
        std::mutex call_mutex;
        bool fenced = false;    ///< may touch the VM's memory no more
        std::mutex fence_mutex; ///< taken by this CPU, and by the one that fences it
    };

    enum class AtFirst { one_online, off };

    /// Alone on a machine, which runs.
    explicit TestVm(u32 cpus, Lifecycle::Config config = {},
                    std::span<const Step> table = table_of_steps(),
                    AtFirst at_first = AtFirst::one_online)
        : TestVm{std::make_unique<ThreadMachine>(cpus), cpus, config, table, at_first} {
        machine_.start();
    }
    /// One of several on `machine`, which does not run yet: the CPUs from `first` on.
    TestVm(ThreadMachine& machine, u32 first, u32 cpus, Lifecycle::Config config = {},
           AtFirst at_first = AtFirst::one_online)
        : TestVm{nullptr, machine, first, cpus, config, table_of_steps(), at_first} {}
    ~TestVm() override { stop(); }

    // --- the machine, in vCPUs of this VM --------------------------------------------------------

    VcpuId self() const { return machine_.vcpu().id; } ///< the calling CPU
    Ticks now() const { return machine_.now(); }
    Ticks frequency() const { return ThreadMachine::frequency(); }
    void wait(Ticks deadline) { machine_.wait(deadline); }
    void stall() { machine_.stall(); }
    bool stopping() const { return machine_.stopping(); }
    void kick(u32 cpu) { machine_.kick(storage_[cpu].cpu); }
    void resume(u32 cpu) { machine_.resume(storage_[cpu].cpu); }
    void rest() { machine_.rest(); }
    void stop() { machine_.stop(); }
    void dawdle() { machine_.dawdle(); }
    u32 leaps() const { return machine_.leaps(); }
    void be_impatient(u32 n) { machine_.be_impatient(n); }

    // --- the VM ----------------------------------------------------------------------------------

    Record& record(u32 cpu) { return records_[cpu]; }
    Record& here() { return records_[index(self())]; }
    State state(u32 cpu) const { return lifecycle.state(VcpuId{cpu}); }
    std::atomic<Standing>& standing(u32 cpu) { return storage_[cpu].standing; }

    /// Has the guest of `cpu`, which is online and idle, make `call`, once the test lets it run.
    void post(u32 cpu, std::function<Next()> call) {
        {
            const std::lock_guard lock{records_[cpu].call_mutex};
            records_[cpu].call = std::move(call);
        }
        kick(cpu);
    }

    /// The same; returns when the VM is at rest again.
    void on(u32 cpu, std::function<Next()> call) {
        post(cpu, std::move(call));
        rest();
    }

    void exec(u32 cpu, Then then = Then::enter) {
        on(cpu, [this, then] { return lifecycle.exec(then); });
    }
    /// By another VM.
    bool order(Order order) {
        const bool given = lifecycle.give(order);
        rest();
        return given;
    }
    void cpu_off(u32 cpu) {
        on(cpu, [this] { return lifecycle.cpu_off(); });
    }
    Lifecycle::CpuOn cpu_on(u32 caller, u32 target) {
        Lifecycle::CpuOn answer{};
        on(caller, [&, target] {
            Next next{};
            answer = call_cpu_on(target, next);
            return next;
        });
        return answer;
    }

    void start_all(u32 caller) {
        for (u32 cpu = 0; cpu < size; cpu++) {
            if (cpu != caller) {
                cpu_on(caller, cpu);
            }
        }
    }

    /// CPU_ON by a guest; where it starts says which kernel asked.
    Lifecycle::CpuOn call_cpu_on(u32 target, Next& next) {
        using enum Lifecycle::CpuOn;
        const auto answer = lifecycle.cpu_on(VcpuId{target}, {GuestAddr{here().kernel}, target});
        if (answer == success) {
            records_[target].starts_given++;
        }
        next = answer == park ? Next::park : Next::resume;
        return answer;
    }

    u32 count(State wanted) const {
        u32 found = 0;
        for (u32 cpu = 0; cpu < size; cpu++) {
            found += state(cpu) == wanted;
        }
        return found;
    }

    /// What a CPU finds in the VM's memory: its kernel, or nothing any more.
    std::optional<u64> read_memory() {
        const std::lock_guard lock{here().fence_mutex};
        return here().fenced ? std::nullopt : std::optional{kernel};
    }

    std::span<Vcpu> vcpus() override { return {storage_.get(), size}; }

    void run(Vcpu& self) override {
        try {
            run_cpu(self);
        } catch (const Abandoned&) {
            while (!stopping()) {
                wait(arch::never);
            }
        }
    }

    void fence_lost(std::span<const VcpuId> lost) override {
        for (const VcpuId cpu : lost) {
            const std::lock_guard lock{record(index(cpu)).fence_mutex};
            record(index(cpu)).fenced = true;
            fenced.push_back(cpu);
        }
    }

    /// With `may_be_abandoned` the AP notes whom it names, and sleeps for ever.
    [[noreturn]] void lost_boot_cpu(VcpuId boot_cpu) override {
        if (!may_be_abandoned) {
            std::fprintf(stderr, "CPU %u: boot CPU %u never came back\n", index(self()),
                         index(boot_cpu));
            std::_Exit(1);
        }
        {
            const std::lock_guard lock{abandoned_mutex_};
            abandoned.push_back(boot_cpu);
        }
        throw Abandoned{};
    }

    /// Notes something that must never happen; the test looks at `violations` in the end.
    void demand(bool fulfilled, const char* what) {
        if (!fulfilled) {
            violations++;
            std::fprintf(stderr, "CPU %u: violated: %s\n", index(self()), what);
        }
    }

    const u32 size;
    std::atomic<u32> violations{0};
    u64 kernel = 0;         ///< plain: the VM's memory. The gather steps put the next kernel there
    bool has_kernel = true; ///< plain: or none
    std::vector<VcpuId> fenced; ///< plain: by one boot CPU after another

    bool may_be_abandoned = false;
    std::vector<VcpuId> abandoned; ///< whom APs have named, one entry each

    std::function<void(std::string_view)> before_step; ///< runs in each step; the step's name
    std::function<void()> before_drain;                ///< runs in the first drain step
    std::function<void()> before_gather;               ///< runs in the first gather step
    std::function<void()> before_take_down;            ///< runs in the first take_down step
    std::function<Next()> behaviour;                   ///< one turn of a busy guest; else it idles

    std::atomic<u32> cpus_in_drain{0};
    std::atomic<u32> most_cpus_in_drain{0};

    static std::span<const Step> table_of_steps();
    static std::span<const Step> table_with_an_unsafe_step();

  private:
    struct Abandoned {};

    TestVm(std::unique_ptr<ThreadMachine> own, u32 cpus, Lifecycle::Config config,
           std::span<const Step> table, AtFirst at_first)
        : TestVm{std::move(own), *own, 0, cpus, config, table, at_first} {}
    TestVm(std::unique_ptr<ThreadMachine>&& own, ThreadMachine& machine, u32 first, u32 cpus,
           Lifecycle::Config config, std::span<const Step> table, AtFirst at_first)
        : size{cpus}, has_kernel{at_first == AtFirst::one_online}, own_{std::move(own)},
          machine_{machine}, storage_(make_vcpus(first, cpus)),
          records_(std::make_unique<Record[]>(cpus)),
          lifecycle{table,
                    {storage_.get(), cpus},
                    has_kernel ? std::optional{VcpuId{0}} : std::nullopt,
                    config} {
        for (u32 cpu = 0; cpu < cpus; cpu++) {
            records_[cpu].random.seed(first + cpu + 1);
        }
        machine.add(*this);
    }

    static std::unique_ptr<Vcpu[]> make_vcpus(u32 first, u32 cpus) {
        auto vcpus = std::make_unique<Vcpu[]>(cpus);
        for (u32 cpu = 0; cpu < cpus; cpu++) {
            vcpus[cpu].id = VcpuId{cpu};
            vcpus[cpu].cpu = CpuId{first + cpu};
        }
        return vcpus;
    }

    static TestVm& begin_step(const char* name);
    static void step_vcpu(Vcpu&);
    static void step_timer(Vcpu&);
    static void step_dma(Vcpu&);
    static void step_memory(Vcpu&);
    static void step_gic(Vcpu&);
    static void step_tlb(Vcpu&);

    void run_cpu(Vcpu& self) {
        Next next = lifecycle.state(self.id) == State::online ? Next::resume : Next::park;
        while (!stopping()) {
            if (next == Next::park) {
                here().in_guest = false;
                next = park();
            }
            if (stopping()) {
                return;
            }
            if (lifecycle.ordered() != Order::none) {
                next = lifecycle.obey();
                continue;
            }
            if (next == Next::enter) {
                here().in_guest = false;
                lifecycle.entering();
            }
            if (!here().in_guest) {
                enter();
            }
            next = behaviour ? busy_guest() : idle_guest();
        }
    }

    /// @return what is next for a CPU that was started, or has started its VM
    Next park() {
        while (!stopping()) {
            if (const auto start = lifecycle.take_start()) {
                here().launches++;
                demand(start->argument == index(self()),
                       "a start goes to the CPU it was meant for");
                demand(start->entry.value == read_memory().value_or(start->entry.value),
                       "only the kernel in memory starts CPUs");
                return Next::resume;
            }
            if (lifecycle.start() == Next::enter) {
                return Next::enter;
            }
            wait(arch::never);
        }
        return Next::park;
    }

    void enter() {
        {
            const std::lock_guard lock{here().fence_mutex};
            demand(here().fenced || has_kernel, "a VM that is off is not entered");
        }
        here().kernel = read_memory().value_or(0);
        demand(!here().in_guest.exchange(true), "a CPU enters a guest once");
    }

    Next idle_guest() {
        wait(arch::never);
        if (lifecycle.handover_wanted()) {
            return lifecycle.join();
        }
        return make_call();
    }

    Next busy_guest() {
        if (machine_.take_kick() && lifecycle.handover_wanted()) {
            return lifecycle.join();
        }
        return behaviour();
    }

    Next make_call() {
        std::function<Next()> call;
        {
            const std::lock_guard lock{here().call_mutex};
            call.swap(here().call);
        }
        return call ? call() : Next::resume;
    }

    const std::unique_ptr<ThreadMachine> own_; ///< null for one of several VMs
    ThreadMachine& machine_;
    const std::unique_ptr<Vcpu[]> storage_;
    const std::unique_ptr<Record[]> records_;
    std::mutex abandoned_mutex_;

  public:
    Lifecycle lifecycle;
};

inline TestVm& TestVm::begin_step(const char* name) {
    TestVm& vm = static_cast<TestVm&>(ThreadMachine::here().vm());
    vm.here().steps.emplace_back(name);
    if (vm.before_step) {
        vm.before_step(name);
    }
    return vm;
}

/// The first row of each table: a CPU's list of steps starts anew.
inline void TestVm::step_vcpu(Vcpu&) {
    TestVm::Record& self = static_cast<TestVm&>(ThreadMachine::here().vm()).here();
    self.in_guest = false;
    self.steps.clear();
    TestVm& vm = begin_step("vcpu");
    const u32 cpus = ++vm.cpus_in_drain;
    u32 most = vm.most_cpus_in_drain;
    while (cpus > most && !vm.most_cpus_in_drain.compare_exchange_weak(most, cpus)) {
    }
    if (vm.before_drain) {
        vm.before_drain();
    }
}

inline void TestVm::step_timer(Vcpu&) {
    TestVm& vm = begin_step("timer");
    vm.here().drained++;
    vm.cpus_in_drain--;
}

inline void TestVm::step_dma(Vcpu&) {
    TestVm& vm = begin_step("dma");
    if (vm.before_gather) {
        vm.before_gather();
    }
    const u64 handover = vm.lifecycle.trace(vm.self()).epoch;
    for (u32 cpu = 0; cpu < vm.size; cpu++) {
        Record& record = vm.record(cpu);
        if (&record != &vm.here() && vm.lifecycle.trace(VcpuId{cpu}).epoch == handover &&
            vm.state(cpu) != State::lost) {
            vm.demand(record.drained > 0, "every AP is drained before gather");
            vm.demand(!record.in_guest, "no AP is in the guest in gather");
        }
    }
}

inline void TestVm::step_memory(Vcpu&) {
    TestVm& vm = begin_step("memory");
    vm.kernel++;
    vm.has_kernel = vm.lifecycle.then() == Then::enter;
}

inline void TestVm::step_gic(Vcpu&) {
    TestVm& vm = begin_step("gic");
    if (vm.before_take_down) {
        vm.before_take_down();
    }
}

inline void TestVm::step_tlb(Vcpu&) {
    TestVm& vm = begin_step("tlb");
    vm.here().drained = 0;
}

inline std::span<const Step> TestVm::table_of_steps() {
    static constexpr Step table[] = {
        {"vcpu", Stage::drain, step_vcpu, true},   {"timer", Stage::drain, step_timer, true},
        {"dma", Stage::gather, step_dma, true},    {"memory", Stage::gather, step_memory, true},
        {"gic", Stage::take_down, step_gic, true}, {"tlb", Stage::take_down, step_tlb, true},
    };
    static_assert(well_formed(table) && first_unsafe(table) == nullptr);
    return table;
}

inline std::span<const Step> TestVm::table_with_an_unsafe_step() {
    static constexpr Step table[] = {
        {"vcpu", Stage::drain, step_vcpu, true},   {"timer", Stage::drain, step_timer, false},
        {"dma", Stage::gather, step_dma, true},    {"memory", Stage::gather, step_memory, true},
        {"gic", Stage::take_down, step_gic, true}, {"tlb", Stage::take_down, step_tlb, false},
    };
    static_assert(well_formed(table) && first_unsafe(table) == &table[1]);
    return table;
}

} // namespace baton::test
