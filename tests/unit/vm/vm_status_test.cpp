// SPDX-License-Identifier: BSD-2-Clause
//
// Calls that only tell (guest-api/baton.h: discovery, status, log), and those that are refused.
#include "hyp/log/log.hpp"
#include "hyp/vm/abi_answer.hpp"
#include "tests/unit/vm/vm_machine.hpp"

using namespace baton;
using baton::test::kernel_image;
using baton::test::vm_a;
using baton::test::vm_b;
using baton::test::VmMachine;
using Answer = VmMachine::Answer;

namespace {

constexpr u64 at(VmId vm) { return VmMachine::scratch(vm).value; }

} // namespace

TEST_CASE("a guest finds out that Baton is there, and what it can do") {
    VmMachine machine;
    CHECK(machine.call(host_vm, BATON_CALL_UID) ==
          Answer{BATON_UID_0, {BATON_UID_1, BATON_UID_2, BATON_UID_3}});
    CHECK(machine.call(host_vm, BATON_REVISION) ==
          Answer{BATON_REVISION_MAJOR, {BATON_REVISION_MINOR}});
    const u64 all = BATON_HAS_LOAD | BATON_HAS_EXEC | BATON_HAS_RESET2 | BATON_HAS_STATUS |
                    BATON_HAS_TRACE | BATON_HAS_LOG | BATON_HAS_HOST | BATON_HAS_VMS;
    CHECK(machine.status(host_vm, BATON_FEATURES) == static_cast<i64>(all));
    for (const u32 function : {0xc600'0000u, 0xc600'000du, 0x8600'ff02u, 0u}) {
        CHECK(machine.call(host_vm, function) == Answer{BATON_NOT_SUPPORTED, {}});
    }
}

TEST_CASE("a call takes the bits of its arguments that its convention has") {
    const GuestCall narrow{.function = 0,
                           .mask = 0xffff'ffff,
                           .arguments = {0x1'0000'0002, 0xffff'ffff'0000'1000, 0, 0, 0}};
    CHECK(narrow.argument(0) == 2);
    CHECK(narrow.address(1) == GuestAddr{0x1000});
}

TEST_CASE("the status of a VM") {
    VmMachine machine{{.watchdog_s = 30}};
    const baton_status status = machine.status_of(host_vm);
    CHECK(status.cpus == machine.division().vm(host_vm).cpus.size());
    CHECK(status.online == 1);
    CHECK(status.parked == status.cpus - 1);
    CHECK(status.lost == 0);
    CHECK(status.slot_size == 16 * MiB);
    CHECK(status.running_slot == machine.layout.slots[0].begin.value);
    CHECK(status.spare_slot == machine.layout.slots[1].begin.value);
    CHECK(status.load_state == BATON_EMPTY);
    CHECK(status.load_id == 0);
    CHECK(status.handovers == 0);
    CHECK(status.blackout_ns == 0);
    CHECK(status.watchdog_s == 30);
    CHECK(status.max_chunk == BATON_MAX_CHUNK);

    machine.cpu_on(host_vm, 1);
    CHECK(machine.status_of(host_vm).online == 2);
}

TEST_CASE("a CPU that never came up is lost to its VM") {
    const CpuId down = VmMachine{}.division().vm(host_vm).cpus[1];
    VmMachine machine{{.down = down}};
    const baton_status status = machine.status_of(host_vm);
    CHECK(status.lost == 1);
    CHECK(status.parked == status.cpus - 2);
}

TEST_CASE("the status follows a load to its end") {
    VmMachine machine;
    const std::string kernel = kernel_image(100'000, 9 * MiB, 'k');
    const auto begun = machine.begin(
        host_vm, VmMachine::load_request(host_vm, {{BATON_PIECE_KERNEL, 0, kernel.size()}}));
    REQUIRE(begun.status == BATON_OK);
    const u64 id = begun.values[0];

    baton_status status = machine.status_of(host_vm);
    CHECK(status.load_state == BATON_LOADING);
    CHECK(status.load_kind == BATON_GUEST_KEXEC);
    CHECK(status.load_id == id);
    CHECK(status.load_size == kernel.size());
    CHECK(status.load_done == 0);
    CHECK(status.load_needs == 0);

    CHECK(machine.copy(host_vm, id, 0, 0, kernel.substr(0, 65536)).status == BATON_OK);
    status = machine.status_of(host_vm);
    CHECK(status.load_done == 65536);
    CHECK(status.load_needs == 12 * MiB); // 9 MiB to the next 2 MiB, and the DTB's room
    CHECK(machine.copy(host_vm, id, 0, 65536, kernel.substr(65536)).status == BATON_OK);
    CHECK(machine.seal(host_vm, id, kernel).status == BATON_MORE);
    CHECK(machine.status_of(host_vm).load_state == BATON_SEALING);
    CHECK(machine.seal(host_vm, id, kernel).status == BATON_MORE);
    CHECK(machine.seal(host_vm, id, kernel) == Answer{BATON_OK, {0}});

    status = machine.status_of(host_vm);
    CHECK(status.load_state == BATON_STAGED);
    CHECK(status.load_id == id);
    CHECK(status.load_done == kernel.size());
    CHECK(status.load_needs == 12 * MiB);
    CHECK(status.copy_ns > 0);
    CHECK(status.digest_ns > 0);
    CHECK(status.clean_ns > 0);
}

TEST_CASE("the status is written as far as the caller has room, and only to its own RAM") {
    VmMachine machine;
    machine.memory.put(machine.scratch(host_vm), std::string(200, 'x'));
    CHECK(machine.call(host_vm, BATON_STATUS, {at(host_vm), 12}) == Answer{BATON_OK, {12}});
    CHECK(machine.memory.text({machine.scratch(host_vm) + 12, 4}) == "xxxx");
    CHECK(machine.call(host_vm, BATON_STATUS, {at(host_vm), 1000}) ==
          Answer{BATON_OK, {sizeof(baton_status)}});
    CHECK(machine.status(host_vm, BATON_STATUS, {at(host_vm), 7}) == BATON_INVALID_PARAMETER);

    const auto status_at = [&](u64 address) {
        return machine.status(host_vm, BATON_STATUS, {address, sizeof(baton_status)});
    };
    CHECK(status_at(machine.layout.image.begin.value) == BATON_BAD_ADDRESS);
    CHECK(status_at(machine.layout.slots[1].begin.value) == BATON_BAD_ADDRESS);
    CHECK(status_at(machine.layout.slots[1].begin.value - 8) == BATON_BAD_ADDRESS); // in part
    CHECK(status_at(machine.layout.vms[0].whole.begin.value) == BATON_BAD_ADDRESS);
    CHECK(status_at(0x900'0000) == BATON_BAD_ADDRESS); // a device's
    CHECK(status_at(~u64{0} - 8) == BATON_BAD_ADDRESS);
    CHECK(status_at(machine.layout.slots[1].begin.value - sizeof(baton_status)) == BATON_OK);
}

TEST_CASE("the host VM asks for any VM, another only for itself") {
    VmMachine machine;
    baton_vm_status status = machine.vm_status(vm_a);
    CHECK(status.number == index(vm_a));
    CHECK(status.state == BATON_VM_OFF);
    CHECK(status.memory == 32 * MiB);
    CHECK(std::string_view{status.name} == "a");
    CHECK(status.status.cpus == 2);
    CHECK(status.status.online == 0);
    CHECK(status.status.load_state == BATON_STAGED); // its first boot image
    CHECK(status.status.running_slot == machine.layout.vms[0].slots[0].begin.value);
    CHECK(std::string_view{machine.vm_status(host_vm).name} == "host");
    CHECK(machine.vm_status(host_vm).state == BATON_VM_RUNNING);
    CHECK(machine.status(host_vm, BATON_VM_STATUS, {3, at(host_vm), 184}) ==
          BATON_INVALID_PARAMETER);

    machine.start(vm_a);
    CHECK(machine.vm_status(vm_a).state == BATON_VM_RUNNING);
    CHECK(machine.vm_status(vm_a).status.handovers == 1);
    const u64 place = at(vm_a);
    CHECK(machine.status(vm_a, BATON_VM_STATUS, {0, place, 184}) == BATON_NOT_ALLOWED);
    CHECK(machine.status(vm_a, BATON_VM_STATUS, {2, place, 184}) == BATON_NOT_ALLOWED);
    CHECK(machine.call(vm_a, BATON_VM_STATUS, {1, place, 184}) == Answer{BATON_OK, {184}});
    CHECK(machine.memory.get<baton_vm_status>({place}).state == BATON_VM_RUNNING);
}

TEST_CASE("the log is read from where the caller has got to") {
    VmMachine machine;
    const auto read = [&](u64 position, u64 room) {
        return machine.call(host_vm, BATON_LOG, {position, at(host_vm), room});
    };
    u64 position = 0;
    for (Answer answer = read(0, 4096); answer.values[0] != 0; answer = read(position, 4096)) {
        REQUIRE(answer.status == BATON_OK);
        position = answer.values[0] + answer.values[1];
    }
    log::line("for the {} to read", "guest");
    const std::string_view line = "baton: for the guest to read\n";
    CHECK(read(position, 4096) == Answer{BATON_OK, {line.size(), position}});
    CHECK(machine.memory.text({machine.scratch(host_vm), line.size()}) == line);
    CHECK(read(position + 7, 3) == Answer{BATON_OK, {3, position + 7}});
    CHECK(machine.memory.text({machine.scratch(host_vm), 4}) ==
          "foro"); // "for" in the room, and the "o" of "baton"
    CHECK(read(position + line.size(), 4096) == Answer{BATON_OK, {0, position + line.size()}});

    CHECK(read(0, 0) == Answer{BATON_INVALID_PARAMETER, {}});
    CHECK(read(0, BATON_MAX_CHUNK + 1) == Answer{BATON_INVALID_PARAMETER, {}});
    CHECK(machine.call(host_vm, BATON_LOG, {0, machine.layout.pool.begin.value, 64}) ==
          Answer{BATON_BAD_ADDRESS, {}});
}

TEST_CASE("a doorbell rings for those who share its region") {
    VmMachine machine;
    CHECK(machine.call(host_vm, BATON_DOORBELL, {0}) == Answer{BATON_OK, {}});
    CHECK(machine.rang == std::vector{host_vm});
    CHECK(machine.status(host_vm, BATON_DOORBELL, {1}) == BATON_INVALID_PARAMETER);
    machine.start(vm_a);
    CHECK(machine.status(vm_a, BATON_DOORBELL, {0}) == BATON_INVALID_PARAMETER);
    CHECK(machine.rang.size() == 1);
}

TEST_CASE("every error has a number of the ABI") {
    using enum Error;
    const std::pair<Error, i64> numbers[]{
        {invalid, BATON_INVALID_PARAMETER},
        {not_allowed, BATON_NOT_ALLOWED},
        {busy, BATON_BUSY},
        {bad_address, BATON_BAD_ADDRESS},
        {stale, BATON_STALE},
        {out_of_order, BATON_OUT_OF_ORDER},
        {overlap, BATON_OVERLAP},
        {bad_image_magic, BATON_BAD_MAGIC},
        {bad_image_header, BATON_BAD_HEADER},
        {image_too_big, BATON_TOO_BIG},
        {bad_command_line, BATON_BAD_COMMAND_LINE},
        {incomplete, BATON_INCOMPLETE},
        {bad_digest, BATON_BAD_DIGEST},
        {nothing_staged, BATON_NOT_SEALED},
        {trusted_os, BATON_TRUSTED_OS},
        {too_many, BATON_NO_MEMORY},
        {no_room, BATON_NO_MEMORY},
        {timed_out, BATON_BUSY},
        {bad_dtb, BATON_INVALID_PARAMETER},
        {firmware, BATON_INVALID_PARAMETER},
    };
    for (const auto& [error, number] : numbers) {
        CAPTURE(describe(error));
        CHECK(abi_status(error) == number);
    }
}

TEST_CASE("ticks become ns without a loss") {
    CHECK(to_ns(Ticks{0}) == 0);
    CHECK(to_ns(arch::frequency()) == 1'000'000'000);
    CHECK(to_ns(arch::frequency() * 1'000'000 + Ticks{7}) == 1'000'000'000'000'007);
}
