// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "guest-api/baton.h"
#include "hyp/vm/hypercall.hpp"
#include "hyp/vm/vm.hpp"
#include "tests/unit/platform/dtb.hpp"
#include "tests/unit/thread_machine.hpp"
#include "tests/unit/vm/fake_memory.hpp"
#include "tests/unit/vm/kernel_image.hpp"

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// The machine of data/vms.dts with its three VMs, as boot leaves it: the host VM runs, `a` and `b`
/// are off. Its CPUs are host threads (ThreadMachine), each of which idles in its guest, makes the
/// calls that a test posts and answers kicks, or sleeps in its park loop, as arch/ does it.
namespace baton::test {

inline constexpr VmId vm_a{1}; ///< has two boot images; a reset stops it
inline constexpr VmId vm_b{2}; ///< has one, and begins anew with it

/// What no CPU comes back from.
enum class End { power_off, reset, left };

class VmMachine;

/// One of its VMs.
class MachineVm : public VmOfThreads {
  public:
    MachineVm(VmMachine& machine, Vm& vm, u32 cpus)
        : vm{vm}, machine_{machine}, vcpus_{std::make_unique<Vcpu[]>(cpus)}, size_{cpus} {}

    std::span<Vcpu> vcpus() override { return {vcpus_.get(), size_}; }
    void run(Vcpu& self) override;
    void fence_lost(std::span<const VcpuId> lost) override {
        fenced.insert(fenced.end(), lost.begin(), lost.end());
    }
    [[noreturn]] void lost_boot_cpu(VcpuId boot) override {
        std::fprintf(stderr, "vCPU %u never came back\n", index(boot));
        std::_Exit(1);
    }

    Vm& vm;
    std::vector<VcpuId> fenced;

  private:
    void turn_in_guest(Vcpu& self);
    void turn_parked();

    VmMachine& machine_;
    std::unique_ptr<Vcpu[]> vcpus_;
    u32 size_;
};

class VmMachine {
  public:
    struct Options {
        bool host_rotates = false;
        bool others_rotate = true;
        bool guests_may_load = true;
        bool report_at_once = false;
        bool has_unsafe_step = false;
        u32 watchdog_s = 0;
        std::optional<VcpuId> deaf_host_vcpu{};
        std::optional<CpuId> down{}; ///< never came up
        Lifecycle::Config lifecycle{};
    };
    VmMachine() : VmMachine(Options{}) {}
    explicit VmMachine(const Options& options);
    ~VmMachine();

    static VmMachine& here() { return *here_; }

    Vm& vm(VmId id) { return vms_[index(id)]; }
    Vm& host() { return vm(host_vm); }
    Vm& a() { return vm(vm_a); }
    Vm& b() { return vm(vm_b); }
    std::vector<VcpuId>& fenced(VmId id) { return threads_[index(id)]->fenced; }

    // --- a CPU, by its VM and vCPU ---------------------------------------------------------------

    struct Entry {
        GuestAddr entry;
        u64 argument;
    };
    struct alignas(128) Cpu {
        bool in_guest = false;
        bool stopped = false;       ///< it met an End
        std::vector<Entry> entries; ///< of its guest
        Ticks alarm = arch::never;
        std::function<void()> posted;
        std::mutex mutex; ///< of `posted`
    };
    Cpu& cpu(VmId vm, u32 vcpu) {
        return cpus_[index(vms_[index(vm)].lifecycle().vcpus()[vcpu].cpu)];
    }
    Cpu& cpu(VmId vm) { return cpu(vm, lead(vm)); }
    /// Its first vCPU that is in its guest; whichever came first starts a VM.
    u32 lead(VmId vm);
    /// How often the VM's vCPUs entered it.
    usize entries(VmId vm);

    /// Has a CPU that is in its guest do something in Baton, once the test lets it run.
    void post(VmId vm, u32 vcpu, std::function<void()> what);
    /// Of a CPU in Baton: what it does when it is in its guest next.
    void post_later(const Vcpu& vcpu, std::function<void()> what);
    /// As `post`; returns when nobody has anything left to do.
    void on(VmId vm, u32 vcpu, std::function<void()> what);
    void on(VmId vm, std::function<void()> what) { on(vm, lead(vm), std::move(what)); }

    /// A hypercall by vCPU `vcpu`, as arch/ makes it. Nothing: it did not come back.
    struct Answer {
        i64 status;
        std::array<u64, 3> values;
        bool operator==(const Answer&) const = default;
    };
    std::optional<Answer> try_call(VmId vm, u32 vcpu, u32 function, std::array<u64, 5> arguments);
    Answer call(VmId vm, u32 function, std::array<u64, 5> arguments = {}) {
        const auto answer = try_call(vm, lead(vm), function, arguments);
        REQUIRE(answer);
        return *answer;
    }
    i64 status(VmId vm, u32 function, std::array<u64, 5> arguments = {}) {
        return call(vm, function, arguments).status;
    }

    // --- guests ----------------------------------------------------------------------------------

    /// Memory of a VM's guest, in no slot: 1 MiB that a test may use.
    static constexpr PhysAddr scratch(VmId vm) {
        return {vm == host_vm ? 0x4100'0000u : vm == vm_a ? 0x5500'0000u : 0x5900'0000u};
    }
    /// @param vm whose next kernel it is (baton_load.vm)
    static baton_load load_request(VmId vm, std::initializer_list<baton_piece> pieces,
                                   u32 kind = BATON_GUEST_KEXEC);
    /// Begins a load; the call's answer.
    Answer begin(VmId caller, const baton_load& request);
    Answer copy(VmId caller, u64 id, u64 piece, u64 offset, std::string_view chunk);
    Answer seal(VmId caller, u64 id, std::string_view all, u32 flags = 0);
    /// Stages `kernel`, of at most a chunk, and nothing else; its id.
    u64 stage(VmId caller, VmId vm, std::string_view kernel, u32 kind = BATON_GUEST_KEXEC);

    baton_status status_of(VmId vm);
    baton_vm_status vm_status(VmId vm);

    /// Starts `a` or `b`, which is off.
    void start(VmId vm) {
        REQUIRE(status(host_vm, BATON_VM_POWER, {index(vm), BATON_VM_START}) == BATON_OK);
    }
    /// CPU_ON by `lead`.
    void cpu_on(VmId vm, u32 vcpu);

    /// What Baton has logged since the machine was made.
    std::string log() const;
    bool logged(std::string_view line) const { return log().contains(line); }

    FakeMemory memory{{{0x4000'0000}, GiB}};
    ThreadMachine machine{6};
    MemoryLayout layout;
    Division& division() { return *division_; }

    std::optional<End> end;             ///< of the whole machine
    std::optional<StagedImage> left_to; ///< by a host kexec
    bool cpus_were_missing = false;
    bool has_trusted_os = false;
    std::optional<CpuId> down;
    std::vector<PhysRange> in_use;           ///< of the interrupt controller
    std::vector<VmId> flushed;               ///< consoles
    std::vector<VmId> rang;                  ///< doorbells, by the VM that rings
    std::function<void(Vcpu&)> in_last_step; ///< of each CPU, in each handover

  private:
    static std::span<const Step> table_of_steps(bool has_unsafe_step);
    static void leave_guest(Vcpu& vcpu);
    static void shut_others(Vcpu& vcpu);
    static void switch_images(Vcpu& vcpu);
    static void drop_root(Vcpu& vcpu);
    void put_boot_images();
    void prepare_images(Vm& vm, const Options& options);
    void first_images();

    static inline VmMachine* here_ = nullptr;

    Dtb firmware_ = Dtb::load("vms.dtb");
    std::unique_ptr<FullPlatform> platform_ = parsed(firmware_);
    std::unique_ptr<Division> division_ = divided(firmware_, *platform_);
    std::vector<PhysRange> kept_modules_;
    std::unique_ptr<Vm[]> vms_ = std::make_unique<Vm[]>(3);
    std::vector<std::unique_ptr<MachineVm>> threads_;
    std::unique_ptr<Cpu[]> cpus_ = std::make_unique<Cpu[]>(6);
    u64 log_begin_ = 0;
};

} // namespace baton::test
