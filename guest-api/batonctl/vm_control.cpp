// SPDX-License-Identifier: BSD-2-Clause
#include "vm_control.hpp"

#include "text.hpp"
#include "vms.hpp"

#include <thread>

namespace batonctl {
namespace {

using std::chrono::seconds;

/// Between two looks at a VM: little beside what a kernel's start takes.
constexpr std::chrono::milliseconds moment{5};

/// Asks how the VM is until `done` likes it.
/// @param what the sentence's end: what it has not done
template <class Done>
Outcome<baton_vm_status> await(VmCalls& calls, const baton_vm_status& vm, Done done,
                               seconds timeout, const char* what) {
    const auto deadline = std::chrono::steady_clock::now() + timeout;
    for (;;) {
        // The last look comes after the deadline: this process may have slept for long.
        const bool is_late = std::chrono::steady_clock::now() >= deadline;
        Outcome<baton_vm_status> now = calls.vm_status(vm.number);
        if (!now || done(*now)) {
            return now;
        }
        if (is_late) {
            return fail(Exit::late,
                        format("VM %s was told, and has not %s within %lld s. See "
                               "`batonctl status` and `batonctl log`.",
                               vm_name(vm).c_str(), what, static_cast<long long>(timeout.count())));
        }
        std::this_thread::sleep_for(moment);
    }
}

std::string handover_text(const baton_vm_status& vm) {
    return format("VM %s: handover %llu, %u CPUs, %u lost, blackout %s", vm_name(vm).c_str(),
                  vm.status.handovers, vm.status.last_cpus, vm.status.last_lost,
                  time_text(vm.status.blackout_ns).c_str());
}

Failure without_image(const baton_vm_status& vm, const char* sentence) {
    return {Exit::nothing_staged,
            format("%s VM %s. Load a kernel for it first: `batonctl load --vm %s --kernel FILE`.",
                   sentence, vm_name(vm).c_str(), vm_name(vm).c_str()),
            BATON_NOT_SEALED};
}

Outcome<std::string> exec_found(VmCalls& calls, const baton_vm_status& vm, seconds timeout) {
    if (vm.status.load_state != BATON_STAGED) {
        return std::unexpected(without_image(vm, "Nothing is staged for"));
    }
    if (Outcome<> told = calls.exec(vm.status.load_id); !told) {
        return std::unexpected(told.error());
    }
    const auto entered = [&](const baton_vm_status& now) {
        return now.status.handovers > vm.status.handovers;
    };
    return then(
        await(calls, vm, entered, timeout, "entered its next kernel"),
        [](const baton_vm_status& now) { return Outcome<std::string>(handover_text(now)); });
}

/// Off and running are the ends of both; a VM that has started may be off again when it is seen.
Outcome<std::string> switch_found(VmCalls& calls, const baton_vm_status& vm,
                                  baton_vm_operation operation, seconds timeout) {
    const bool start = operation == BATON_VM_START;
    const baton_u32 wanted = start ? BATON_VM_RUNNING : BATON_VM_OFF;
    const std::string name = vm_name(vm);
    if (vm.state == wanted) {
        return start ? "VM " + name + " runs already" : "VM " + name + " is off already";
    }
    if (Outcome<> told = calls.power(vm.number, operation); !told) {
        return std::unexpected(told.error().status == BATON_NOT_SEALED
                                   ? without_image(vm, "There is no image to start")
                                   : told.error());
    }
    const auto done = [&](const baton_vm_status& now) {
        return now.state == wanted || (start && now.status.handovers > vm.status.handovers);
    };
    return then(await(calls, vm, done, timeout, start ? "started" : "stopped"),
                [&](const baton_vm_status&) {
                    return Outcome<std::string>("VM " + name + (start ? " runs" : " is off"));
                });
}

} // namespace

Outcome<std::string> exec_vm(VmCalls& calls, const std::string& name, seconds timeout) {
    return then(find_vm(calls, name),
                [&](const baton_vm_status& vm) { return exec_found(calls, vm, timeout); });
}

Outcome<std::string> start_vm(VmCalls& calls, const std::string& name, seconds timeout) {
    return then(find_vm(calls, name), [&](const baton_vm_status& vm) {
        return switch_found(calls, vm, BATON_VM_START, timeout);
    });
}

Outcome<std::string> stop_vm(VmCalls& calls, const std::string& name, seconds timeout) {
    return then(find_vm(calls, name), [&](const baton_vm_status& vm) {
        return switch_found(calls, vm, BATON_VM_STOP, timeout);
    });
}

Outcome<> unload_vm(VmCalls& calls, const std::string& name) {
    return then(find_vm(calls, name), [&](const baton_vm_status& vm) {
        return vm.status.load_id == 0 ? Outcome<>() : calls.drop(vm.status.load_id);
    });
}

} // namespace batonctl
