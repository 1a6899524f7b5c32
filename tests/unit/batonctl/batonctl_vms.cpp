// SPDX-License-Identifier: BSD-2-Clause
#include "guest-api/batonctl/status.hpp"
#include "guest-api/batonctl/vm_control.hpp"
#include "guest-api/batonctl/vms.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <utility>

using namespace batonctl;

namespace {

constexpr std::chrono::seconds at_once{0};
constexpr std::chrono::seconds soon{5};

std::unexpected<Failure> refuse(long long status) {
    return std::unexpected(Failure{Exit::failed, "Refused.", status});
}

/// The VMs of a machine, as the one with the number `asker` is told of them.
struct Machine final : VmCalls {
    std::vector<baton_vm_status> vms;
    baton_u32 asker = 0;
    bool is_old = false;
    bool is_slow = false; ///< does nothing of what it is told
    long long answer = 0; ///< other than 0: to whatever is told
    int told = 0;

    void add(const char* name, baton_u32 state) {
        baton_vm_status vm{};
        vm.number = static_cast<baton_u32>(vms.size());
        vm.state = state;
        vm.memory = 512u << 20;
        std::strncpy(vm.name, name, sizeof(vm.name) - 1);
        vm.status.cpus = 4;
        vm.status.online = state == BATON_VM_RUNNING ? 4 : 0;
        vms.push_back(vm);
    }

    void stage(baton_u32 number, baton_u64 id) {
        vms[number].status.load_state = BATON_STAGED;
        vms[number].status.load_id = id;
    }

    Outcome<baton_vm_status> vm_status(unsigned number) override {
        if (is_old) {
            return refuse(BATON_NOT_SUPPORTED);
        }
        if (number >= vms.size()) {
            return refuse(BATON_INVALID_PARAMETER);
        }
        if (asker != 0 && number != asker) {
            return refuse(BATON_NOT_ALLOWED);
        }
        if (pending != nullptr && !is_slow && --looks_left == 0) {
            *std::exchange(pending, nullptr) = after;
        }
        return vms[number];
    }

    Outcome<> exec(baton_u64 id) override {
        const auto vm =
            std::ranges::find(vms, id, [](const auto& it) { return it.status.load_id; });
        if (vm == vms.end()) {
            return refuse(BATON_STALE);
        }
        baton_vm_status next = *vm;
        next.state = BATON_VM_RUNNING;
        next.status.load_state = BATON_EMPTY;
        next.status.handovers++;
        next.status.last_cpus = 4;
        next.status.blackout_ns = 34'500;
        return tell(*vm, next);
    }

    Outcome<> drop(baton_u64 id) override {
        const auto vm =
            std::ranges::find(vms, id, [](const auto& it) { return it.status.load_id; });
        if (vm == vms.end()) {
            return refuse(BATON_STALE);
        }
        vm->status.load_state = BATON_EMPTY;
        vm->status.load_id = 0;
        return {};
    }

    Outcome<> power(unsigned number, baton_vm_operation operation) override {
        baton_vm_status next = vms[number];
        next.state = operation == BATON_VM_START ? BATON_VM_RUNNING : BATON_VM_OFF;
        return tell(vms[number], next);
    }

  private:
    Outcome<> tell(baton_vm_status& vm, const baton_vm_status& next) {
        if (answer != 0) {
            return refuse(answer);
        }
        told++;
        looks_left = 2;
        pending = &vm;
        after = next;
        return {};
    }

    /// The VM that has been told, which is as it is to be when it has been looked at so often.
    baton_vm_status* pending = nullptr;
    int looks_left = 0;
    baton_vm_status after{};
};

Machine two() {
    Machine machine;
    machine.add("host", BATON_VM_RUNNING);
    machine.add("a", BATON_VM_RUNNING);
    machine.add("7", BATON_VM_OFF);
    return machine;
}

bool has(const std::string& text, const char* part) {
    CAPTURE(text);
    CAPTURE(part);
    return text.find(part) != std::string::npos;
}

template <class T>
void check_refused(const Outcome<T>& outcome, Exit exit, const char* part) {
    REQUIRE(!outcome);
    CHECK(outcome.error().exit == exit);
    CHECK(has(outcome.error().sentence, part));
    CHECK(outcome.error().sentence.ends_with("."));
}

} // namespace

TEST_CASE("the host VM sees all VMs, another itself, above an older Baton nobody") {
    Machine machine = two();
    CHECK(list_vms(machine)->size() == 3);
    machine.asker = 2;
    const auto alone = list_vms(machine);
    REQUIRE(alone);
    REQUIRE(alone->size() == 1);
    CHECK(alone->front().number == 2);
    machine.is_old = true;
    CHECK(list_vms(machine)->empty());
}

TEST_CASE("a VM is found by its name, or else by its number") {
    Machine machine = two();
    CHECK(find_vm(machine, "a")->number == 1);
    CHECK(find_vm(machine, "1")->number == 1);
    CHECK(find_vm(machine, "7")->number == 2);
    CHECK(find_vm(machine, "2")->number == 2);
    check_refused(find_vm(machine, "b"), Exit::failed, "no VM 'b'. There is host, a, 7.");
    check_refused(find_vm(machine, "3"), Exit::failed, "no VM '3'");
    check_refused(find_vm(machine, "1x"), Exit::failed, "no VM '1x'");
    check_refused(find_vm(machine, "host"), Exit::usage, "VM host is this one");
    check_refused(find_vm(machine, "0"), Exit::usage, "VM host is this one");
    machine.asker = 1;
    check_refused(find_vm(machine, "a"), Exit::not_allowed, "This is VM a, and the host VM alone");
    machine.is_old = true;
    check_refused(find_vm(machine, "a"), Exit::failed, "revision 1.0");
}

TEST_CASE("a name without a NUL ends with its field") {
    Machine machine = two();
    std::ranges::fill(machine.vms[1].name, 'n');
    CHECK(vm_name(machine.vms[1]) == std::string(32, 'n'));
    CHECK(has(vms_text(machine.vms), std::string(32, 'n').c_str()));
}

TEST_CASE("exec says what the handover took, of a VM that runs or is off") {
    Machine machine = two();
    machine.stage(1, 5);
    machine.vms[1].status.handovers = 2;
    CHECK(*exec_vm(machine, "a", soon) == "VM a: handover 3, 4 CPUs, 0 lost, blackout 34.5 us");
    Machine off = two();
    off.stage(2, 6);
    CHECK(has(*exec_vm(off, "7", soon), "VM 7: handover 1"));
}

TEST_CASE("exec with nothing staged, refused, or late") {
    Machine machine = two();
    check_refused(exec_vm(machine, "a", soon), Exit::nothing_staged, "batonctl load --vm a");
    CHECK(machine.told == 0);
    machine.stage(1, 5);
    machine.answer = BATON_BUSY;
    check_refused(exec_vm(machine, "a", soon), Exit::failed, "Refused.");
    machine.answer = 0;
    machine.is_slow = true;
    check_refused(exec_vm(machine, "a", at_once), Exit::late,
                  "has not entered its next kernel within 0 s");
    CHECK(machine.told == 1);
}

TEST_CASE("start and stop wait for it, and do nothing where there is nothing to do") {
    Machine machine = two();
    CHECK(*start_vm(machine, "a", soon) == "VM a runs already");
    CHECK(*stop_vm(machine, "2", soon) == "VM 7 is off already");
    CHECK(machine.told == 0);
    CHECK(*stop_vm(machine, "a", soon) == "VM a is off");
    CHECK(machine.vms[1].state == BATON_VM_OFF);
    CHECK(*start_vm(machine, "7", soon) == "VM 7 runs");
    CHECK(machine.vms[2].state == BATON_VM_RUNNING);
}

TEST_CASE("a start without an image, and what is late") {
    Machine machine = two();
    machine.answer = BATON_NOT_SEALED;
    check_refused(start_vm(machine, "7", soon), Exit::nothing_staged, "batonctl load --vm 7");
    machine.answer = 0;
    machine.is_slow = true;
    check_refused(start_vm(machine, "7", at_once), Exit::late, "has not started within 0 s");
    check_refused(stop_vm(machine, "a", at_once), Exit::late, "has not stopped within 0 s");
}

TEST_CASE("unload drops the VM's own image") {
    Machine machine = two();
    CHECK(unload_vm(machine, "a"));
    machine.stage(1, 5);
    machine.stage(2, 6);
    CHECK(unload_vm(machine, "a"));
    CHECK(machine.vms[1].status.load_state == BATON_EMPTY);
    CHECK(machine.vms[2].status.load_state == BATON_STAGED);
}

TEST_CASE("the table of VMs") {
    Machine machine = two();
    machine.stage(1, 5);
    machine.vms[1].status.online = 3;
    machine.vms[1].status.lost = 1;
    machine.vms[1].status.handovers = 12;
    const std::string table = vms_text(machine.vms);
    CHECK(has(table, " VM  name  state    CPUs online   memory      staged   handovers\n"));
    CHECK(has(table, "  0  host  running  4/4           512.0 MiB   nothing          0\n"));
    CHECK(has(table, "  1  a     running  3/4, 1 lost   512.0 MiB   kernel          12\n"));
    CHECK(has(table, "  2  7     off      0/4           512.0 MiB   nothing          0\n"));
    // One VM has no need of a table; one that is not the host VM has a name all the same.
    CHECK(vms_text(std::span(machine.vms).first(1)).empty());
    CHECK(vms_text({}).empty());
    CHECK(has(vms_text(std::span(machine.vms).subspan(1, 1)), "a, number 1: not the host VM\n"));
}

TEST_CASE("the status for programs") {
    Machine machine = two();
    machine.stage(1, 5);
    machine.vms[1].status.handovers = 1;
    machine.vms[1].status.last_cpus = 4;
    machine.vms[1].status.blackout_ns = 7;
    machine.vms[2].state = 9;
    std::strcpy(machine.vms[2].name, "\"");
    const std::string json = status_json(machine.vms[0].status, machine.vms);
    CHECK(json.starts_with(R"({"cpus":4,"online":4,"off":0,"lost":0,"slot_size":0,)"));
    CHECK(has(json, R"("load":{"state":"empty","kind":"guest","id":0,)"));
    CHECK(has(json, R"("handovers":0,"last":null,"watchdog_s":0,)"));
    CHECK(has(json, R"({"number":1,"name":"a","state":"running","memory":536870912,"cpus":4,)"));
    CHECK(has(json, R"("load":{"state":"staged","kind":"guest","id":5,)"));
    CHECK(has(json, R"("last":{"cpus":4,"lost":0,"blackout_ns":7})"));
    CHECK(has(json, R"("name":"\"","state":"9")"));
    CHECK(json.ends_with("}]}\n"));
    CHECK(status_json(machine.vms[0].status, {}).ends_with("\"vms\":[]}\n"));
}
