// SPDX-License-Identifier: BSD-2-Clause
//
// What is told of the last handover (guest-api/baton.h: trace), and what becomes of CPUs that it
// lost.
#include "tests/unit/vm/vm_machine.hpp"

using namespace baton;
using baton::test::kernel_image;
using baton::test::vm_a;
using baton::test::VmMachine;
using Answer = VmMachine::Answer;

namespace {

const std::string kernel = kernel_image(50'000, MiB, 'n');

constexpr u64 place = VmMachine::scratch(host_vm).value;

baton_trace trace(VmMachine& machine) {
    REQUIRE(machine.call(host_vm, BATON_TRACE, {place, sizeof(baton_trace)}) ==
            Answer{BATON_OK, {sizeof(baton_trace)}});
    return machine.memory.get<baton_trace>({place});
}

baton_trace_cpu trace_of(VmMachine& machine, u32 cpu) {
    REQUIRE(machine.call(host_vm, BATON_TRACE_CPU, {cpu, place, sizeof(baton_trace_cpu)}) ==
            Answer{BATON_OK, {sizeof(baton_trace_cpu)}});
    return machine.memory.get<baton_trace_cpu>({place});
}

/// A handover of the host VM.
void exec(VmMachine& machine) {
    machine.stage(host_vm, host_vm, kernel);
    CHECK_FALSE(machine.try_call(host_vm, 0, BATON_EXEC, {0, 0}));
    REQUIRE(machine.cpu(host_vm).in_guest);
}

CpuId cpu_of(VmMachine& machine, u32 vcpu) { return machine.host().lifecycle().vcpus()[vcpu].cpu; }

std::string_view status_in(VmMachine& machine, const PlacedDescription& description, u32 cpu) {
    return machine.memory.text({description.begin + description.fields.cpu_status[cpu], 4});
}
std::string_view status_in_dtb(VmMachine& machine, u32 vcpu) {
    const StagedImage& image = *machine.host().images().staged();
    return status_in(machine, image.description, vcpu);
}

} // namespace

TEST_CASE("before the first handover there is nothing to tell") {
    VmMachine machine;
    const baton_trace none = trace(machine);
    CHECK(none.handover == 0);
    CHECK(none.step_count == 0);
    const baton_trace_cpu record = trace_of(machine, 1);
    CHECK(record.handover == 0);
    CHECK(record.number == 1);
    CHECK(record.mpidr == 1);
    CHECK(machine.status(host_vm, BATON_TRACE, {place, 4}) == BATON_INVALID_PARAMETER);
    CHECK(machine.status(host_vm, BATON_TRACE_CPU, {99, place, sizeof(baton_trace_cpu)}) ==
          BATON_INVALID_PARAMETER);
    CHECK(machine.status(host_vm, BATON_TRACE_CPU, {0, 0, 8}) == BATON_BAD_ADDRESS);
}

TEST_CASE("the trace of a handover: phases, steps, and each CPU") {
    VmMachine machine;
    machine.cpu_on(host_vm, 1);
    exec(machine);
    const baton_trace all = trace(machine);
    CHECK(all.handover == 1);
    CHECK(all.serial == 0);
    CHECK(all.boot_cpu == 0);
    CHECK(all.cpus == 2);
    CHECK(all.lost == 0);
    CHECK(all.all_cpus == machine.division().vm(host_vm).cpus.size());
    REQUIRE(all.step_count == 4);
    CHECK(std::string_view{all.steps[1].name} == "vms");
    CHECK(all.steps[0].stage == BATON_DRAIN);
    CHECK(all.steps[2].stage == BATON_GATHER);
    CHECK(all.steps[3].stage == BATON_TAKE_DOWN);
    const u64 moments[]{all.kicked, all.gathered, all.switched, all.taken_down, all.entered};
    CHECK(std::ranges::is_sorted(moments));
    CHECK(all.entered == machine.status_of(host_vm).blackout_ns);

    const baton_trace_cpu led = trace_of(machine, 0);
    CHECK(led.handover == 1);
    CHECK(led.fate == BATON_LED);
    CHECK(led.arrived == BATON_NEVER);
    CHECK(led.dead == BATON_NEVER);
    for (u32 row = 0; row < 4; row++) {
        CHECK(led.steps[row].begin < led.steps[row].end);
        CHECK(led.steps[row].end <= all.taken_down);
    }
    const baton_trace_cpu followed = trace_of(machine, 1);
    CHECK(followed.fate == BATON_FOLLOWED);
    CHECK(followed.joined < followed.arrived);
    CHECK(followed.arrived < followed.dead);
    CHECK(followed.steps[1].begin == BATON_NEVER); // the boot CPU's alone

    exec(machine); // the other CPU is off
    CHECK(trace(machine).handover == 2);
    const baton_trace_cpu off = trace_of(machine, 1);
    CHECK(off.handover == 2);
    CHECK(off.fate == BATON_WAS_OFF);
    CHECK(off.joined == BATON_NEVER);
    CHECK(off.steps[0].begin == BATON_NEVER);
}

TEST_CASE("a serial walk says so, and why") {
    SUBCASE("because it was asked for") {
        VmMachine machine{{.lifecycle = {.serial = true}}};
        exec(machine);
        CHECK(trace(machine).serial == 1);
        CHECK(machine.logged("handover 1: serial, 1 CPUs"));
        CHECK_FALSE(machine.logged("parallel-safe"));
    }
    SUBCASE("because a step cannot run on two CPUs at once") {
        VmMachine machine{{.has_unsafe_step = true}};
        exec(machine);
        CHECK(trace(machine).serial == 1);
        CHECK(machine.logged("baton: handover 1: serial because step root is not parallel-safe\n"));
    }
}

TEST_CASE("a CPU that does not leave its guest is lost to all kernels that follow") {
    VmMachine machine{{.deaf_host_vcpu = VcpuId{1}}};
    machine.cpu_on(host_vm, 1);
    exec(machine);
    CHECK(machine.fenced(host_vm) == std::vector{VcpuId{1}});
    CHECK(trace(machine).lost == 1);
    CHECK(trace_of(machine, 1).fate == BATON_LOST);
    CHECK(machine.logged("baton: handover 1: parallel, 2 CPUs, 1 lost"));
    CHECK(machine.logged("baton: handover 1: lost CPU 1 (deadline 100 ms)\n"));
    const baton_status status = machine.status_of(host_vm);
    CHECK(status.lost == 1);
    CHECK(status.last_cpus == 2);
    CHECK(status.last_lost == 1);
    machine.stage(host_vm, host_vm, kernel);
    CHECK(status_in_dtb(machine, 1) == "fail");
    CHECK(status_in_dtb(machine, 0) == "okay");

    // It makes calls still, and none of them does anything.
    const auto call = [&](u32 function) {
        return machine.try_call(host_vm, 1, function, {place, 272})->status;
    };
    CHECK(call(BATON_STATUS) == BATON_BUSY);
    CHECK(call(BATON_TRACE) == BATON_BUSY);
    CHECK(call(BATON_LOG) == BATON_BUSY);
    CHECK(machine.try_call(host_vm, 1, BATON_LOAD_DROP, {0})->status == BATON_BUSY);
    CHECK(machine.try_call(host_vm, 1, BATON_EXEC, {0, 0})->status == BATON_BUSY);
    CHECK(machine.cpu(host_vm, 1).in_guest);
    machine.on(host_vm, 1, [&] { machine.host().park_if_fenced(); }); // it touches its memory
    CHECK_FALSE(machine.cpu(host_vm, 1).in_guest);
    machine.on(host_vm, [&] { machine.host().park_if_fenced(); }); // a fault of a guest's own
    CHECK(machine.cpu(host_vm).in_guest);
}

TEST_CASE("a CPU that gets stuck on its way out costs the old slot its root") {
    VmMachine machine;
    machine.cpu_on(host_vm, 1);
    machine.in_last_step = [&](Vcpu& vcpu) {
        if (vcpu.id == VcpuId{1}) {
            machine.machine.stall();
        }
    };
    exec(machine);
    CHECK(trace_of(machine, 1).fate == BATON_UNFINISHED);
    CHECK(machine.status_of(host_vm).online == 2); // one is on its way out
    CHECK(machine.memory.abandoned.empty());

    machine.stage(host_vm, host_vm, kernel); // into the slot that it has not left
    CHECK(machine.logged("baton: lost CPU 1: it did not finish handover 1 within 100 ms\n"));
    CHECK(machine.memory.abandoned == std::vector{std::pair{host_vm, SlotId{0}}});
    CHECK(status_in_dtb(machine, 1) == "fail");
    CHECK(machine.status_of(host_vm).lost == 1);

    machine.in_last_step = nullptr;
    machine.machine.resume(cpu_of(machine, 1));
    machine.machine.rest();
    CHECK(machine.status_of(host_vm).lost == 1); // it comes too late
}

TEST_CASE("a host kexec without a CPU says so to its image") {
    VmMachine machine{{.deaf_host_vcpu = VcpuId{1}}};
    machine.cpu_on(host_vm, 1);
    machine.stage(host_vm, host_vm, kernel, BATON_HOST_KEXEC);
    CHECK_FALSE(machine.try_call(host_vm, 0, BATON_EXEC, {0, 0}));
    CHECK(machine.end == baton::test::End::left);
    CHECK(machine.cpus_were_missing);
    const StagedImage& image = *machine.left_to;
    REQUIRE(image.fallback);
    const u32 cpu = index(cpu_of(machine, 1));
    CHECK(status_in(machine, image.description, cpu) == "okay");
    CHECK(status_in(machine, *image.fallback, cpu) == "fail");
}
