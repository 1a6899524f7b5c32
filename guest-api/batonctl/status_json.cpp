// SPDX-License-Identifier: BSD-2-Clause
#include "status.hpp"

#include "text.hpp"
#include "vms.hpp"

namespace batonctl {
namespace {

/// Takes one of the names by its number; a number that has none stands for itself.
template <std::size_t count>
std::string word(const char* const (&words)[count], baton_u32 number) {
    return json_string(number < count ? words[number] : format("%u", number));
}

constexpr const char* vm_states[] = {"off", "running"};
constexpr const char* load_states[] = {"empty", "loading", "sealing", "staged"};
constexpr const char* load_kinds[] = {"guest", "host"};

std::string load_json(const baton_status& status) {
    return format(
        "{\"state\":%s,\"kind\":%s,\"id\":%llu,\"size\":%llu,\"done\":%llu,\"needs\":%llu,"
        "\"copy_ns\":%llu,\"digest_ns\":%llu,\"clean_ns\":%llu}",
        word(load_states, status.load_state).c_str(), word(load_kinds, status.load_kind).c_str(),
        status.load_id, status.load_size, status.load_done, status.load_needs, status.copy_ns,
        status.digest_ns, status.clean_ns);
}

/// The object's fields, without its braces.
std::string fields(const baton_status& status) {
    std::string text = format("\"cpus\":%u,\"online\":%u,\"off\":%u,\"lost\":%u", status.cpus,
                              status.online, status.parked, status.lost);
    text += format(",\"slot_size\":%llu,\"running_slot\":%llu,\"spare_slot\":%llu",
                   status.slot_size, status.running_slot, status.spare_slot);
    text += ",\"load\":" + load_json(status);
    text += format(",\"handovers\":%llu,\"last\":", status.handovers);
    text += status.handovers == 0 ? "null"
                                  : format("{\"cpus\":%u,\"lost\":%u,\"blackout_ns\":%llu}",
                                           status.last_cpus, status.last_lost, status.blackout_ns);
    return text + format(",\"watchdog_s\":%u", status.watchdog_s);
}

std::string vm_json(const baton_vm_status& vm) {
    return format("{\"number\":%u,\"name\":%s,\"state\":%s,\"memory\":%llu,", vm.number,
                  json_string(vm_name(vm)).c_str(), word(vm_states, vm.state).c_str(), vm.memory) +
           fields(vm.status) + "}";
}

} // namespace

std::string status_json(const baton_status& status, std::span<const baton_vm_status> vms) {
    std::string list;
    for (const baton_vm_status& vm : vms) {
        list += (list.empty() ? "\n" : ",\n") + vm_json(vm);
    }
    return "{" + fields(status) + ",\n\"vms\":[" + list + "]}\n";
}

} // namespace batonctl
