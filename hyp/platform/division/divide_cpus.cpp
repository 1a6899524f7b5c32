// SPDX-License-Identifier: BSD-2-Clause
#include "hyp/platform/division/divide.hpp"
#include "hyp/platform/options/options.hpp"

namespace baton {

namespace {

/// Takes a number off the front.
std::optional<u64> take_number(std::string_view& text) {
    const usize length = std::min(text.find_first_not_of("0123456789"), text.size());
    const auto number = parse_size(text.substr(0, length));
    text.remove_prefix(length);
    return number;
}

bool take(std::string_view& text, char c) {
    const bool found = text.starts_with(c);
    text.remove_prefix(found ? 1 : 0);
    return found;
}

} // namespace

/// Explicit ones first, whatever the order of the nodes.
Result<> Divider::share_out_cpus() {
    for (auto claim : {&Divider::claim_listed_cpus, &Divider::claim_counted_cpus}) {
        for (u32 vm = 1; vm < division_.vm_count_; vm++) {
            if (auto result = (this->*claim)(VmId{vm}); !result) {
                return result;
            }
        }
    }
    for (u32 cpu = 0; cpu < platform_.cpus.size(); cpu++) {
        const VmId owner = division_.cpu_owners_[cpu];
        (void)division_.configs_[index(owner)].cpus.push(CpuId{cpu}); // it has room for all
    }
    if (division_.configs_[0].cpus.empty()) {
        return division_.refuse(Error::bad_dtb,
                                "no CPU is left for the host VM: the others have all {}",
                                platform_.cpus.size());
    }
    return {};
}

/// `baton,cpus`, a list as Linux writes it: "2-3,6".
Result<> Divider::claim_listed_cpus(VmId vm) {
    const FdtNode node = nodes_[index(vm)];
    if (!node.has("baton,cpus")) {
        return {};
    }
    const std::string_view list = node.string("baton,cpus");
    std::string_view rest = list;
    u32 count = 0;
    do {
        const auto first = take_number(rest);
        const auto last = take(rest, '-') ? take_number(rest) : first;
        if (!first || !last || *first > *last) {
            return division_.refuse(Error::bad_dtb,
                                    "VM {}: baton,cpus = \"{}\" is no list of CPUs as in "
                                    "\"2-3,6\"",
                                    node.name(), list);
        }
        for (u64 number = *first; number <= *last; number++, count++) {
            if (auto claimed = claim_cpu(vm, number); !claimed) {
                return claimed;
            }
        }
    } while (take(rest, ','));
    if (!rest.empty()) {
        return division_.refuse(Error::bad_dtb, "VM {}: baton,cpus = \"{}\" goes wrong at \"{}\"",
                                node.name(), list, rest);
    }
    if (node.has("cpus") && node.number("cpus") != count) {
        return division_.refuse(Error::bad_dtb,
                                "VM {}: cpus does not say how many baton,cpus names, {}",
                                node.name(), count);
    }
    return {};
}

Result<> Divider::claim_cpu(VmId vm, u64 number) {
    const std::string_view name = division_.vm(vm).name;
    if (number >= platform_.cpus.size()) {
        return division_.refuse(Error::bad_dtb, "VM {}: there is no CPU {}: the machine has {}",
                                name, number, platform_.cpus.size());
    }
    VmId& owner = division_.cpu_owners_[number];
    if (owner != host_vm) {
        return division_.refuse(Error::overlap, "CPU {} is named twice: by VM {} and by VM {}",
                                number, division_.vm(owner).name, name);
    }
    owner = vm;
    return {};
}

/// `cpus` alone takes the highest that are left.
Result<> Divider::claim_counted_cpus(VmId vm) {
    const FdtNode node = nodes_[index(vm)];
    if (node.has("baton,cpus")) {
        return {};
    }
    const u32 wanted = node.number("cpus").value_or(0);
    if (wanted == 0) {
        return division_.refuse(Error::bad_dtb,
                                "VM {}: neither cpus nor baton,cpus says which CPUs it has",
                                node.name());
    }
    u32 left = wanted;
    for (usize cpu = platform_.cpus.size(); cpu-- > 0 && left > 0;) {
        if (division_.cpu_owners_[cpu] == host_vm) {
            division_.cpu_owners_[cpu] = vm;
            left--;
        }
    }
    if (left > 0) {
        return division_.refuse(Error::bad_dtb,
                                "VM {}: it wants {} CPUs, of which {} are not there", node.name(),
                                wanted, left);
    }
    return {};
}

} // namespace baton
