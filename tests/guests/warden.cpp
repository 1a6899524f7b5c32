// SPDX-License-Identifier: BSD-2-Clause
//
// The host VM manages VM 1: stops it, starts it, and gives it another kernel while it runs and
// while it is off. Its initrd is that kernel. Options:
//   rounds=N    of all that
//   last=WORDS  the last kernel's command line, words joined by '+'; it goes off by itself

#include "guest-api/guest/archive.hpp"
#include "guest-api/guest/smp.hpp"
#include "guest-api/guest/successor.hpp"

#include <algorithm>

namespace baton::guest {

namespace {

constexpr u32 ward = 1;

baton_vm_status status_of(u32 vm) {
    baton_vm_status found{};
    (void)hypercall(BATON_VM_STATUS, vm, address_of(&found), sizeof found);
    return found;
}

/// Returns how many there are.
u32 list_vms() {
    u32 vm = 0;
    for (;; vm++) {
        baton_vm_status found{};
        const CallResult result = hypercall(BATON_VM_STATUS, vm, address_of(&found), sizeof found);
        if (result.status() != BATON_OK) {
            check("behind the last VM there is none", result.status() == BATON_INVALID_PARAMETER,
                  "{}", result.status());
            return vm;
        }
        require("all of the status is written", result.x1 == sizeof found, "{}", result.x1);
        print("guest: warden: VM {} '{}', {}, {} CPUs, {} bytes\n", found.number,
              std::string_view{found.name}, found.state == BATON_VM_RUNNING ? "runs" : "is off",
              found.status.cpus, found.memory);
    }
}

bool becomes(baton_vm_state state) {
    return wait_until(patience(), [&] { return status_of(ward).state == state; });
}

void require_ok(std::string_view what, const CallResult& result) {
    require(what, result.status() == BATON_OK, "{}", result.status());
}

void stop_ward() {
    require_ok("a VM can be stopped", hypercall(BATON_VM_POWER, ward, BATON_VM_STOP));
    require("a VM that was stopped is off", becomes(BATON_VM_OFF));
    require("none of its CPUs is online", status_of(ward).status.online == 0);
    require_ok("one that is off may be stopped", hypercall(BATON_VM_POWER, ward, BATON_VM_STOP));
}

void start_ward() {
    require_ok("a VM can be started", hypercall(BATON_VM_POWER, ward, BATON_VM_START));
    require("a VM that was started runs", becomes(BATON_VM_RUNNING));
    require_ok("one that runs may be started", hypercall(BATON_VM_POWER, ward, BATON_VM_START));
}

/// @param command_line lives until the load is over
void replace_kernel(std::string_view command_line) {
    const u64 before = status_of(ward).status.handovers;
    const CallResult staged =
        stage({.kernel = archive(), .initrd = {}, .command_line = command_line, .vm = ward});
    if (!require("another VM's image can be staged", staged.status() == BATON_OK, "{}: {} of {}",
                 staged.status(), staged.x1, staged.x2)) {
        return;
    }
    require("it is staged there", status_of(ward).status.load_id == staged.x1);
    require("and not here", status_now().load_id != staged.x1);
    require_ok("it can be started from here", hypercall(BATON_EXEC, 0, staged.x1));
    require("the other VM enters it",
            wait_until(patience(), [&] { return status_of(ward).status.handovers > before; }));
}

void refuse() {
    check("the host VM does not stop itself",
          hypercall(BATON_VM_POWER, 0, BATON_VM_STOP).status() == BATON_INVALID_PARAMETER);
    check("nor a VM that is not there",
          hypercall(BATON_VM_POWER, 99, BATON_VM_STOP).status() == BATON_INVALID_PARAMETER);
    check("nor does it do to a VM what is no operation",
          hypercall(BATON_VM_POWER, ward, 99).status() == BATON_INVALID_PARAMETER);
}

} // namespace

void guest_main() {
    check("there is a VM to be managed", list_vms() > ward);
    check("all CPUs start", start_all());
    refuse();
    // Spins for longer than it is left alone.
    constexpr std::string_view in_between = "seconds=1000 pattern=1 still";
    const u32 before = failures();
    for (u64 round = 0; round < option_number("rounds", 5); round++) {
        replace_kernel(in_between);
        stop_ward();
        start_ward();
        stop_ward();
        replace_kernel(in_between);
        require("a VM that was off runs its new kernel", becomes(BATON_VM_RUNNING));
    }
    check("a VM is stopped, started and given kernels, on and off", failures() == before);
    std::array<char, 100> last{};
    const std::string_view words = option_text("last");
    const usize size = std::min(words.size(), last.size());
    std::ranges::replace_copy(words.substr(0, size), last.begin(), '+', ' ');
    replace_kernel({last.data(), size});
    check("the last kernel comes to its end and the VM goes off",
          wait_until(60'000, [] { return status_of(ward).state == BATON_VM_OFF; }));
    list_vms();
    check("the host VM's CPUs are all online", status_now().online == cpus().size());
}

} // namespace baton::guest
