// SPDX-License-Identifier: BSD-2-Clause
//
// A load by hypercalls (guest-api/baton.h: load, exec), for the caller's VM and for others.
#include "tests/unit/vm/vm_machine.hpp"

using namespace baton;
using baton::test::End;
using baton::test::kernel_image;
using baton::test::vm_a;
using baton::test::vm_b;
using baton::test::VmMachine;
using Answer = VmMachine::Answer;

namespace {

const std::string kernel = kernel_image(50'000, MiB, 'n');

constexpr u64 at(VmId vm) { return VmMachine::scratch(vm).value; }

baton_load one_kernel(VmId vm = host_vm, u64 size = kernel.size()) {
    return VmMachine::load_request(vm, {{BATON_PIECE_KERNEL, 0, size}});
}

/// The bytes that begin the current slot of a VM's kernel.
std::string_view kernel_of(VmMachine& machine, VmId vm) {
    const auto slot = machine.layout.slots_of(vm)[index(machine.vm(vm).images().running_slot())];
    return machine.memory.text({slot.begin, kernel.size()});
}

} // namespace

TEST_CASE("a kernel that is loaded and started is entered where it lies") {
    VmMachine machine;
    const std::string command_line = "console=ttyAMA0";
    const auto begun = machine.begin(
        host_vm,
        VmMachine::load_request(host_vm, {{BATON_PIECE_KERNEL, 0, kernel.size()},
                                          {BATON_PIECE_INITRD, 0, 10},
                                          {BATON_PIECE_COMMAND_LINE, 0, command_line.size()}}));
    REQUIRE(begun.status == BATON_OK);
    const u64 id = begun.values[0];
    CHECK(id != 0);
    CHECK(machine.copy(host_vm, id, 0, 0, kernel) == Answer{BATON_OK, {}});
    CHECK(machine.copy(host_vm, id, 1, 0, "initrd....") == Answer{BATON_OK, {}});
    CHECK(machine.copy(host_vm, id, 2, 0, command_line) == Answer{BATON_OK, {}});
    CHECK(machine.seal(host_vm, id, kernel + "initrd...." + command_line) == Answer{BATON_OK, {0}});

    CHECK(machine.status(host_vm, BATON_EXEC, {1, id}) == BATON_INVALID_PARAMETER); // flags
    CHECK(machine.status(host_vm, BATON_EXEC, {0, id + 1}) == BATON_STALE);
    CHECK(machine.entries(host_vm) == 0);
    CHECK_FALSE(machine.try_call(host_vm, 0, BATON_EXEC, {0, id}));
    REQUIRE(machine.entries(host_vm) == 1);
    const PhysRange slot = machine.layout.slots[1];
    CHECK(machine.cpu(host_vm).entries[0].entry == to_guest(slot.begin));
    CHECK(kernel_of(machine, host_vm) == kernel);

    const u64 dtb = machine.cpu(host_vm).entries[0].argument;
    const Fdt fdt = *Fdt::open(std::as_bytes(std::span{machine.memory.text({{dtb}, 64 * KiB})}));
    CHECK(fdt.find("/chosen")->string("bootargs") == command_line);
    CHECK(machine.status(host_vm, BATON_EXEC, {0, 0}) == BATON_NOT_SEALED); // it is consumed
    CHECK(machine.status_of(host_vm).running_slot == slot.begin.value);
}

TEST_CASE("what a load's begin does not take") {
    VmMachine machine;
    const auto begin = [&](auto change) {
        baton_load request = one_kernel();
        change(request);
        return machine.begin(host_vm, request).status;
    };
    CHECK(begin([](baton_load& load) { load.kind = 2; }) == BATON_INVALID_PARAMETER);
    CHECK(begin([](baton_load& load) { load.flags = 1; }) == BATON_INVALID_PARAMETER);
    CHECK(begin([](baton_load& load) { load.piece_count = 0; }) == BATON_INVALID_PARAMETER);
    CHECK(begin([](baton_load& load) { load.piece_count = 17; }) == BATON_INVALID_PARAMETER);
    CHECK(begin([](baton_load& load) { load.vm = 3; }) == BATON_INVALID_PARAMETER);
    CHECK(begin([](baton_load& load) { load.pieces[0].kind = 0; }) == BATON_INVALID_PARAMETER);
    CHECK(begin([](baton_load& load) { load.pieces[0].kind = 7; }) == BATON_INVALID_PARAMETER);
    CHECK(begin([](baton_load& load) { load.pieces[0].reserved = 1; }) == BATON_INVALID_PARAMETER);
    CHECK(begin([](baton_load& load) { load.pieces[0].size = 0; }) == BATON_INVALID_PARAMETER);
    CHECK(begin([](baton_load& load) { load.pieces[0].kind = BATON_PIECE_INITRD; }) ==
          BATON_INVALID_PARAMETER);
    CHECK(begin([](baton_load& load) { // a module is for the host
              load.pieces[1] = {BATON_PIECE_MODULE_KERNEL, 0, 1};
              load.piece_count = 2;
          }) == BATON_INVALID_PARAMETER);
    CHECK(begin([](baton_load& load) {
              load.pieces[1] = {BATON_PIECE_COMMAND_LINE, 0, BATON_MAX_COMMAND_LINE + 1};
              load.piece_count = 2;
          }) == BATON_BAD_COMMAND_LINE);
    CHECK(machine.begin(host_vm, one_kernel(host_vm, 17 * MiB)) ==
          Answer{BATON_TOO_BIG, {20 * MiB, 16 * MiB}});
    const u64 size = sizeof(baton_load);
    CHECK(machine.status(host_vm, BATON_LOAD_BEGIN, {at(host_vm), size - 8}) ==
          BATON_INVALID_PARAMETER);
    CHECK(machine.status(host_vm, BATON_LOAD_BEGIN, {machine.layout.pool.begin.value, size}) ==
          BATON_BAD_ADDRESS);

    CHECK(machine.begin(host_vm, one_kernel()).status == BATON_OK);
    CHECK(machine.begin(host_vm, one_kernel()).status == BATON_BUSY); // one load at a time
}

TEST_CASE("what a chunk does not take") {
    VmMachine machine;
    const u64 id = machine.begin(host_vm, one_kernel()).values[0];
    const auto copy = [&](u64 load, u64 piece, u64 offset, u64 address, u64 size) {
        return machine.status(host_vm, BATON_LOAD_COPY, {load, piece, offset, address, size});
    };
    CHECK(copy(id + 1, 0, 0, at(host_vm), 100) == BATON_STALE);
    CHECK(copy(0, 0, 0, at(host_vm), 100) == BATON_STALE);
    CHECK(copy(id, 1, 0, at(host_vm), 100) == BATON_INVALID_PARAMETER);
    CHECK(copy(id, 0, 0, at(host_vm), 0) == BATON_INVALID_PARAMETER);
    CHECK(copy(id, 0, 0, at(host_vm), BATON_MAX_CHUNK + 1) == BATON_INVALID_PARAMETER);
    CHECK(copy(id, 0, 0, machine.layout.slots[1].begin.value, 100) == BATON_BAD_ADDRESS);
    CHECK(machine.copy(host_vm, id, 0, 0, std::string(100, 'x')).status == BATON_BAD_MAGIC);
    CHECK(machine.copy(host_vm, id, 0, 0, kernel_image(100, 0, 'x')).status == BATON_BAD_HEADER);
    CHECK(machine.copy(host_vm, id, 0, 0, kernel_image(100, 30 * MiB, 'x')) ==
          Answer{BATON_TOO_BIG, {32 * MiB, 16 * MiB}});
    CHECK(machine.copy(host_vm, id, 0, 0, kernel.substr(0, 100)).status == BATON_OK);
    CHECK(machine.copy(host_vm, id, 0, 99, "x").status == BATON_OVERLAP);
    CHECK(machine.copy(host_vm, id, 0, 101, "x").status == BATON_OUT_OF_ORDER);
    CHECK(machine.seal(host_vm, id, kernel) == Answer{BATON_INCOMPLETE, {kernel.size() - 100}});
    CHECK(machine.copy(host_vm, id, 0, 100, kernel.substr(100)).status == BATON_OK);
}

TEST_CASE("what a seal does not take") {
    VmMachine machine;
    const u64 id = machine.begin(host_vm, one_kernel()).values[0];
    machine.copy(host_vm, id, 0, 0, kernel);
    const auto seal = [&](u64 load, const baton_seal& request, u64 size = sizeof(baton_seal)) {
        machine.memory.put_struct(machine.scratch(host_vm), request);
        return machine.status(host_vm, BATON_LOAD_SEAL, {load, at(host_vm), size});
    };
    CHECK(seal(id + 1, {}) == BATON_STALE);
    CHECK(seal(id, {}, 100) == BATON_INVALID_PARAMETER);
    CHECK(seal(id, {.digest = {}, .entropy = {}, .flags = 2, .reserved = 0}) ==
          BATON_INVALID_PARAMETER);
    CHECK(seal(id, {.digest = {}, .entropy = {}, .flags = 0, .reserved = 1}) ==
          BATON_INVALID_PARAMETER);
    CHECK(machine.status(host_vm, BATON_LOAD_SEAL, {id, 0x900'0000, sizeof(baton_seal)}) ==
          BATON_BAD_ADDRESS);
    CHECK(machine.status_of(host_vm).load_state == BATON_LOADING); // nothing of it counted
    CHECK(seal(id, {}) == BATON_BAD_DIGEST);
    CHECK(machine.status_of(host_vm).load_state == BATON_EMPTY);
    CHECK(seal(id, {}) == BATON_STALE);
}

TEST_CASE("entropy comes with a seal, and goes into the next kernel's DTB") {
    VmMachine machine;
    const u64 id = machine.begin(host_vm, one_kernel()).values[0];
    machine.copy(host_vm, id, 0, 0, kernel);
    REQUIRE(machine.seal(host_vm, id, kernel, BATON_SEAL_ENTROPY).status == BATON_OK);
    const StagedImage& image = *machine.host().images().staged();
    const std::string_view dtb = machine.memory.text(image.description.range());
    const auto chosen = Fdt::open(std::as_bytes(std::span{dtb}))->find("/chosen");
    CHECK(chosen->has("kaslr-seed"));
    CHECK(chosen->has("rng-seed"));
}

TEST_CASE("a load or an image is dropped by its id, or whatever there is") {
    VmMachine machine;
    const u64 id = machine.begin(host_vm, one_kernel()).values[0];
    CHECK(machine.status(host_vm, BATON_LOAD_DROP, {id + 1}) == BATON_STALE);
    CHECK(machine.call(host_vm, BATON_LOAD_DROP, {id}) == Answer{BATON_OK, {}});
    CHECK(machine.status(host_vm, BATON_LOAD_DROP, {id}) == BATON_STALE);
    CHECK(machine.status(host_vm, BATON_LOAD_DROP, {0}) == BATON_OK); // nothing

    const u64 staged = machine.stage(host_vm, host_vm, kernel);
    CHECK(staged != id);
    CHECK(machine.status(host_vm, BATON_LOAD_DROP, {0}) == BATON_OK);
    CHECK(machine.status(host_vm, BATON_EXEC, {0, staged}) == BATON_NOT_SEALED);
}

TEST_CASE("the host VM loads for another, which enters it when it is told to") {
    VmMachine machine;
    machine.start(vm_a);
    const u64 id = machine.stage(host_vm, vm_a, kernel);
    CHECK(ImageStore::vm_of(id) == vm_a);
    CHECK(machine.vm_status(vm_a).status.load_id == id);
    CHECK(machine.status_of(host_vm).load_state == BATON_EMPTY);

    CHECK(machine.status(host_vm, BATON_EXEC, {0, id + 1}) == BATON_STALE);
    CHECK(machine.call(host_vm, BATON_EXEC, {0, id}) == Answer{BATON_OK, {}});
    CHECK(machine.entries(vm_a) == 2);
    CHECK(kernel_of(machine, vm_a) == kernel);
    CHECK(machine.vm_status(vm_a).status.handovers == 2);
    CHECK(machine.status(host_vm, BATON_EXEC, {0, id}) == BATON_NOT_SEALED);
}

TEST_CASE("no VM but the host VM reaches another's images") {
    VmMachine machine;
    machine.start(vm_a);
    machine.start(vm_b);
    const u64 of_b = machine.stage(host_vm, vm_b, kernel);
    const u64 of_host = machine.stage(host_vm, host_vm, kernel);
    CHECK(machine.begin(vm_a, one_kernel(vm_b)).status == BATON_NOT_ALLOWED);
    for (const u64 id : {of_b, of_host, u64{3} << 32 | 1}) {
        CHECK(machine.status(vm_a, BATON_LOAD_COPY, {id, 0, 0, at(vm_a), 1}) == BATON_STALE);
        CHECK(machine.status(vm_a, BATON_LOAD_SEAL, {id, at(vm_a), 104}) == BATON_STALE);
        CHECK(machine.status(vm_a, BATON_LOAD_DROP, {id}) == BATON_STALE);
        CHECK(machine.status(vm_a, BATON_EXEC, {0, id}) == BATON_STALE);
    }
    CHECK(machine.status(host_vm, BATON_EXEC, {0, u64{3} << 32 | 1}) == BATON_STALE);
    CHECK(machine.vm_status(vm_b).status.load_id == of_b);

    const u64 own = machine.stage(vm_a, vm_a, kernel); // its own it may
    CHECK(ImageStore::vm_of(own) == vm_a);
    CHECK_FALSE(machine.try_call(vm_a, machine.lead(vm_a), BATON_EXEC, {0, 0}));
    CHECK(kernel_of(machine, vm_a) == kernel);
    CHECK(machine.entries(host_vm) == 0);
}

TEST_CASE("the ids of loads are of one VM each") {
    VmMachine machine;
    machine.start(vm_a);
    const u64 of_a = machine.begin(host_vm, one_kernel(vm_a)).values[0];
    const u64 of_host = machine.begin(host_vm, one_kernel()).values[0];
    CHECK(of_a != of_host);
    // The chunk lies in the caller's memory, and goes into the slot of the other.
    CHECK(machine.copy(host_vm, of_a, 0, 0, kernel).status == BATON_OK);
    CHECK(machine.status_of(host_vm).load_done == 0);
    CHECK(machine.vm_status(vm_a).status.load_done == kernel.size());
    // A guest may go on with what was begun for it.
    CHECK(machine.seal(vm_a, of_a, kernel).status == BATON_OK);
}

TEST_CASE("baton.load=off: what was staged at boot is all there is") {
    VmMachine machine{{.host_rotates = true, .guests_may_load = false}};
    CHECK(machine.begin(host_vm, one_kernel()).status == BATON_NOT_ALLOWED);
    CHECK(machine.begin(host_vm, one_kernel(vm_a)).status == BATON_NOT_ALLOWED);
}

TEST_CASE("of two CPUs that stage for a VM one is told that it is busy") {
    VmMachine machine;
    const u64 id = machine.begin(host_vm, one_kernel()).values[0];
    REQUIRE(machine.host().images().try_claim());
    CHECK(machine.begin(host_vm, one_kernel()).status == BATON_BUSY);
    CHECK(machine.copy(host_vm, id, 0, 0, kernel).status == BATON_BUSY);
    CHECK(machine.seal(host_vm, id, kernel).status == BATON_BUSY);
    CHECK(machine.status(host_vm, BATON_LOAD_DROP, {0}) == BATON_BUSY);
    CHECK(machine.status(host_vm, BATON_EXEC, {0, 0}) == BATON_BUSY);
    CHECK(machine.begin(host_vm, one_kernel(vm_b)).status == BATON_OK); // of another VM
    machine.host().images().unclaim();
    CHECK(machine.copy(host_vm, id, 0, 0, kernel).status == BATON_OK);
}

TEST_CASE("a host kexec is the host VM's to load") {
    VmMachine machine;
    machine.start(vm_a);
    const auto request = [](VmId vm) {
        return VmMachine::load_request(vm, {{BATON_PIECE_KERNEL, 0, kernel.size()}},
                                       BATON_HOST_KEXEC);
    };
    CHECK(machine.begin(vm_a, request(host_vm)).status == BATON_NOT_ALLOWED);
    CHECK(machine.begin(host_vm, request(vm_a)).status == BATON_INVALID_PARAMETER);
    machine.has_trusted_os = true;
    CHECK(machine.begin(host_vm, request(host_vm)).status == BATON_TRUSTED_OS);
    machine.has_trusted_os = false;
    CHECK(machine.begin(host_vm, request(host_vm)).status == BATON_OK);
    CHECK(machine.status_of(host_vm).load_kind == BATON_HOST_KEXEC);
}

TEST_CASE("no memory for a root ends the load") {
    VmMachine machine;
    const u64 id = machine.begin(host_vm, one_kernel()).values[0];
    machine.copy(host_vm, id, 0, 0, kernel);
    machine.memory.has_room_for_tables = false;
    CHECK(machine.seal(host_vm, id, kernel).status == BATON_NO_MEMORY);
    CHECK(machine.status_of(host_vm).load_state == BATON_EMPTY);
}
