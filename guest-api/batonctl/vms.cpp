// SPDX-License-Identifier: BSD-2-Clause
#include "vms.hpp"

#include "text.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <optional>

namespace batonctl {
namespace {

/// More than any machine has, for a Baton that never says that there are no more.
constexpr unsigned most_vms = 1024;

constexpr baton_u32 host = 0;

bool is_host(std::span<const baton_vm_status> vms) {
    return !vms.empty() && vms.front().number == host;
}

std::optional<baton_u32> number_in(const std::string& text) {
    baton_u32 number = 0;
    const char* const end = text.data() + text.size();
    const auto [rest, error] = std::from_chars(text.data(), end, number);
    return error == std::errc{} && rest == end ? std::optional(number) : std::nullopt;
}

/// A name goes before a number: a node may be called 1.
const baton_vm_status* find(std::span<const baton_vm_status> vms, const std::string& name) {
    auto found = std::ranges::find(vms, name, vm_name);
    if (const auto number = number_in(name); found == vms.end() && number) {
        found = std::ranges::find(vms, *number, &baton_vm_status::number);
    }
    return found == vms.end() ? nullptr : &*found;
}

std::string names(std::span<const baton_vm_status> vms) {
    std::string text;
    for (const baton_vm_status& vm : vms) {
        text += (text.empty() ? "" : ", ") + vm_name(vm);
    }
    return text;
}

const char* state_word(baton_u32 state) {
    switch (state) {
    case BATON_VM_OFF:
        return "off";
    case BATON_VM_RUNNING:
        return "running";
    default:
        return "?";
    }
}

const char* staged_word(const baton_status& status) {
    switch (status.load_state) {
    case BATON_EMPTY:
        return "nothing";
    case BATON_LOADING:
    case BATON_SEALING:
        return "loading";
    case BATON_STAGED:
        return status.load_kind == BATON_HOST_KEXEC ? "for Baton" : "kernel";
    default:
        return "?";
    }
}

std::string cpus_text(const baton_status& status) {
    const std::string lost = status.lost == 0 ? "" : format(", %u lost", status.lost);
    return format("%u/%u", status.online, status.cpus) + lost;
}

std::string table_row(const baton_vm_status& vm, int width) {
    return format("%3u  %-*s  %-9s%-14s%-12s%-9s%9llu\n", vm.number, width, vm_name(vm).c_str(),
                  state_word(vm.state), cpus_text(vm.status).c_str(), size_text(vm.memory).c_str(),
                  staged_word(vm.status), vm.status.handovers);
}

} // namespace

Outcome<std::vector<baton_vm_status>> list_vms(VmCalls& calls) {
    std::vector<baton_vm_status> vms;
    for (unsigned number = 0; number < most_vms; number++) {
        Outcome<baton_vm_status> vm = calls.vm_status(number);
        if (vm) {
            vms.push_back(*vm);
        } else if (vm.error().status == BATON_NOT_SUPPORTED ||
                   vm.error().status == BATON_INVALID_PARAMETER) {
            break;
        } else if (vm.error().status != BATON_NOT_ALLOWED) {
            return std::unexpected(vm.error());
        }
        if (!vms.empty() && !is_host(vms)) {
            break; // It has found itself, and may know of no other.
        }
    }
    return vms;
}

Outcome<baton_vm_status> find_vm(VmCalls& calls, const std::string& name) {
    const Outcome<std::vector<baton_vm_status>> vms = list_vms(calls);
    if (!vms) {
        return std::unexpected(vms.error());
    }
    if (vms->empty()) {
        return fail(Exit::failed,
                    "The Baton below, or its module, is of revision 1.0, which has one VM: "
                    "several came with 1.1. Install Baton, module and batonctl from one release.");
    }
    if (!is_host(*vms)) {
        return fail(Exit::not_allowed, "This is VM " + vm_name(vms->front()) +
                                           ", and the host VM alone may load, start and stop "
                                           "others: run batonctl there.");
    }
    const baton_vm_status* vm = find(*vms, name);
    if (vm == nullptr) {
        return fail(Exit::failed, "There is no VM '" + name + "'. There is " + names(*vms) + ".");
    }
    if (vm->number == host) {
        return fail(Exit::usage, "VM " + vm_name(*vm) +
                                     " is this one: leave the VM out, and for its power take "
                                     "`reboot` and `poweroff`.");
    }
    return *vm;
}

std::string vm_name(const baton_vm_status& vm) {
    return {vm.name, strnlen(vm.name, sizeof(vm.name))};
}

std::string vms_text(std::span<const baton_vm_status> vms) {
    if (!vms.empty() && !is_host(vms)) {
        return format("%-16s%s, number %u: not the host VM\n", "VM", vm_name(vms.front()).c_str(),
                      vms.front().number);
    }
    if (vms.size() < 2) {
        return "";
    }
    int width = 4;
    for (const baton_vm_status& vm : vms) {
        width = std::max(width, static_cast<int>(vm_name(vm).size()));
    }
    std::string text = format("\n VM  %-*s  %-9s%-14s%-12s%-9s%s\n", width, "name", "state",
                              "CPUs online", "memory", "staged", "handovers");
    for (const baton_vm_status& vm : vms) {
        text += table_row(vm, width);
    }
    return text;
}

} // namespace batonctl
