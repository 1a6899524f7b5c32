// SPDX-License-Identifier: BSD-2-Clause
#include "hyp/platform/division/divide.hpp"

#include "hyp/platform/parse/boot_modules.hpp"
#include "hyp/platform/parse/first_look.hpp"

#include <algorithm>

namespace baton {

namespace {

constexpr std::string_view host_name = "host";
/// Devicetree Specification, 2.2.1: the most that the name of a node has.
constexpr usize longest_name = 31;

} // namespace

Result<> divide(Bytes dtb, const Platform& platform, Division& division) {
    // A damaged one has been refused by parse_platform.
    const auto fdt = Fdt::open(dtb);
    return fdt ? Divider{*fdt, platform, division}.run() : std::unexpected(fdt.error());
}

Result<> Divider::run() {
    division_.platform_ = &platform_;
    division_.vm_count_ = 1;
    VmConfig& host = division_.configs_[0];
    host.name = host_name;
    // One that a command line tells of, and no node, cannot be taken out of the host VM's DTB.
    host.has_console = platform_.uart && look_first(fdt_).uart_node;
    host.boot_images = platform_.boot_images;
    (void)nodes_.push(fdt_.root());

    auto result = read_nodes("xen,domain", &Divider::add_vm);
    if (result) {
        result = read_nodes("baton,shared-memory", &Divider::add_shared);
    }
    if (result) {
        result = share_out_cpus();
    }
    if (result) {
        result = check_memory();
    }
    return result ? DeviceDivider{fdt_, division_}.run(nodes_) : result;
}

Result<> Divider::read_nodes(std::string_view compatible, Result<> (Divider::*add)(FdtNode)) {
    Result<> result;
    if (const auto chosen = fdt_.find("/chosen")) {
        for_each_child(*chosen, [&](FdtNode node) {
            if (result && node.is_enabled() && node.is_compatible(compatible)) {
                result = (this->*add)(node);
            }
        });
    }
    return result;
}

Result<> Divider::add_vm(FdtNode node) {
    const std::string_view name = node.name();
    if (!nodes_.push(node)) {
        return division_.refuse(Error::too_many,
                                "VM {}: there are more than 15 besides the host VM", name);
    }
    if (name == host_name || name.size() > longest_name) {
        return division_.refuse(Error::bad_dtb,
                                "VM {}: a name is \"host\", or longer than 31 characters", name);
    }
    VmConfig& vm = division_.configs_[division_.vm_count_++];
    vm.name = name;
    vm.has_console = node.has("vpl011");
    if (vm.has_console && !division_.configs_[0].has_console) {
        return division_.refuse(Error::unsupported,
                                "VM {}: it cannot have a vpl011 on a machine without a "
                                "UART that Baton drives",
                                name);
    }
    const std::string_view on_reset = node.string("baton,on-reset");
    if (node.has("baton,on-reset") && on_reset != "restart" && on_reset != "stop") {
        return division_.refuse(Error::bad_dtb,
                                "VM {}: baton,on-reset is neither \"restart\" nor \"stop\"", name);
    }
    vm.on_reset = on_reset == "stop" ? OnReset::stop : OnReset::restart;
    const auto sizes = read_sizes(node, vm);
    return sizes ? read_images(node, vm) : sizes;
}

Result<> Divider::read_sizes(FdtNode node, VmConfig& vm) {
    if (!node.has("memory")) {
        return division_.refuse(Error::bad_dtb, "VM {}: it says no memory", vm.name);
    }
    const auto memory = read_size(node, "memory", block_size, vm.memory);
    if (!memory || !node.has("baton,slot")) {
        return memory;
    }
    return read_size(node, "baton,slot", block_size, vm.slot_size);
}

/// A property of KiB, as Xen's binding has it.
Result<> Divider::read_size(FdtNode node, const char* name, u64 alignment, u64& bytes) {
    const Bytes value = node.get(name).value_or(Bytes{});
    const auto size = CellReader{value}.take(static_cast<u32>(value.size() / 4));
    if (value.empty() || !size || __builtin_mul_overflow(*size, KiB, &bytes) || bytes == 0 ||
        !is_aligned(bytes, alignment)) {
        return division_.refuse(Error::bad_dtb,
                                "{}: {} is not a number of KiB that makes whole pieces of {} "
                                "KiB",
                                node.name(), name, alignment / KiB);
    }
    return {};
}

Result<> Divider::read_images(FdtNode node, VmConfig& vm) {
    const char* problem = nullptr;
    const auto read = read_boot_images(node, fdt_.root().child_cells(), vm.boot_images, problem);
    if (!read) {
        return division_.refuse(read.error(), "VM {}: it has more than 8 kernels or 16 modules",
                                vm.name);
    }
    if (problem != nullptr) {
        return division_.refuse(Error::bad_dtb, "VM {}: {}", vm.name, problem);
    }
    if (vm.boot_images.empty()) {
        return division_.refuse(Error::bad_dtb,
                                "VM {}: it has no kernel: a multiboot,module that is a "
                                "multiboot,kernel as well",
                                vm.name);
    }
    return {};
}

Result<> Divider::add_shared(FdtNode node) {
    SharedRegion region{.name = node.name()};
    if (auto read = read_size(node, "size", page_size, region.size); !read) {
        return read;
    }
    StringReader names{node.get("baton,vms").value_or(Bytes{})};
    for (VmId& vm : region.vms) {
        const auto name = names.take();
        const auto found = name ? find_vm(*name) : std::nullopt;
        if (!found) {
            return division_.refuse(Error::bad_dtb,
                                    "{}: baton,vms does not name two VMs: there is no \"{}\"",
                                    region.name, name.value_or(""));
        }
        vm = *found;
    }
    if (names.take() || region.vms[0] == region.vms[1]) {
        return division_.refuse(Error::bad_dtb, "{}: baton,vms names other than two VMs",
                                region.name);
    }
    if (!division_.shared_.push(region)) {
        return division_.refuse(Error::too_many, "{}: there are more than 16 shared memories",
                                region.name);
    }
    return {};
}

std::optional<VmId> Divider::find_vm(std::string_view name) const {
    const auto vms = division_.vms();
    const auto found = std::ranges::find(vms, name, &VmConfig::name);
    return found == vms.end() ? std::nullopt
                              : std::optional{VmId{static_cast<u32>(found - vms.begin())}};
}

/// Where it all lies is decided later, among more that wants a place: this only finds what can
/// never fit.
Result<> Divider::check_memory() {
    const u64 ram = platform_.ram.total();
    u64 left = ram;
    const auto take = [&](u64 bytes) {
        const bool fits = bytes <= left;
        left -= fits ? bytes : 0;
        return fits;
    };
    for (const VmConfig& vm : division_.vms().subspan(1)) {
        if (!take(vm.memory) || !take(vm.slot_size)) {
            return division_.refuse(Error::no_room,
                                    "VM {}: its {} MiB do not fit: the machine has {} MiB, "
                                    "less what the VMs before it take",
                                    vm.name, (vm.memory + vm.slot_size) / MiB, ram / MiB);
        }
    }
    for (const SharedRegion& region : division_.shared()) {
        if (!take(region.size)) {
            return division_.refuse(Error::no_room,
                                    "{}: its {} KiB do not fit into what is left of memory",
                                    region.name, region.size / KiB);
        }
    }
    return {};
}

} // namespace baton
