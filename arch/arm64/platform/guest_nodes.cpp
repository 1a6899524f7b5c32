// SPDX-License-Identifier: BSD-2-Clause
#include "arch/arm64/gic/intid.hpp"
#include "arch/arm64/platform/arch_platform.hpp"
#include "hyp/log/format.hpp"
#include "hyp/platform/arch_nodes.hpp"
#include "hyp/platform/dtb/fdt_writer.hpp"
#include "hyp/platform/guest/guest_dtb.hpp"

#include <algorithm>
#include <array>

/// How the nodes of the GIC, PSCI and the DSUs differ for a guest from the firmware's.
namespace baton::arch {

namespace {

bool is_one_of(std::string_view name, std::initializer_list<std::string_view> names) {
    return std::ranges::find(names, name) != names.end();
}

/// With `msi-controller` the GIC takes SPIs by a write to its distributor, which is not passed
/// through.
bool is_gic(FdtNode node) { return node.is_compatible("arm,gic-v3"); }

/// It makes SPIs by a write to a frame of its own: Baton has none for the guest.
bool is_v2m(FdtNode node) { return node.is_compatible("arm,gic-v2m-frame"); }

/// It makes LPIs: those of one VM, with its tables.
bool is_its(FdtNode node) { return node.is_compatible("arm,gic-v3-its"); }

bool is_dsu(FdtNode node) { return node.is_compatible("arm,dsu-pmu"); }

bool has_its(const GuestRequest& request) {
    return request.division == nullptr || request.division->vm(request.vm).has_message_controllers;
}

/// A DSU's counters are those of all its cores: a VM has them that has all of these.
bool is_dsu_of_vm(const GuestRequest& request, FdtNode node) {
    if (request.division == nullptr) {
        return true;
    }
    const auto& cpus = request.division->platform().cpus;
    bool has_own = false;
    CellReader reader{node.get("cpus").value_or(Bytes{})};
    while (const auto phandle = reader.take(1)) {
        const auto cpu = std::ranges::find(cpus, *phandle, &CpuInfo::phandle);
        if (cpu == cpus.end()) {
            continue; // no vCPU is pinned to it
        }
        const CpuId id{static_cast<u32>(cpu - cpus.begin())};
        if (request.division->owner(id) != request.vm) {
            return false;
        }
        has_own = true;
    }
    return has_own || request.division->vms().size() == 1;
}

void write_its_status(FdtNode node, FdtWriter& writer, GuestDtb& result) {
    if (!node.is_enabled()) {
        writer.string("status", "disabled");
        return;
    }
    const auto value = writer.string("status", "okay");
    if (!value.empty()) { // as many as Platform has room for
        (void)result.message_controller_status.push(
            static_cast<u32>(value.data() - writer.begin()));
    }
}

} // namespace

bool hides(const GuestRequest& request, FdtNode node) {
    return is_v2m(node) || (is_its(node) && !has_its(request)) ||
           (is_dsu(node) && !is_dsu_of_vm(request, node));
}

bool hides_messages(const GuestRequest& request, FdtNode node) {
    return is_v2m(node) || (is_its(node) && !has_its(request)) ||
           (is_gic(node) && node.has("msi-controller"));
}

bool keeps(const GuestRequest& request, FdtNode node, std::string_view property) {
    if (is_its(node)) {
        return property != "status";
    }
    if (request.for_host) {
        return true;
    }
    if (arm64::is_psci(node)) {
        return !is_one_of(property,
                          {"compatible", "method", "cpu_on", "cpu_off", "cpu_suspend", "migrate"});
    }
    return !is_gic(node) || !is_one_of(property, {"msi-controller", "mbi-ranges", "mbi-alias"});
}

void write_own_properties(const GuestRequest& request, FdtNode node, FdtWriter& writer,
                          GuestDtb& result) {
    if (is_its(node)) {
        write_its_status(node, writer, result);
    } else if (arm64::is_psci(node) && !request.for_host) {
        writer.strings("compatible", {"arm,psci-1.0", "arm,psci-0.2"});
        writer.string("method", "hvc");
    }
}

void write_own_nodes(const GuestRequest& request, FdtWriter& writer) {
    for (usize number = 0; number < request.counter_units.size(); number++) {
        const CounterUnit& dsu = request.counter_units[number];
        std::array<char, 32> name{}; // a NUL follows what is written
        format(std::span{name}.first(name.size() - 1), "dsu-pmu-{}", number);
        writer.begin_node(name.data());
        writer.string("compatible", "arm,dsu-pmu");
        writer.cells("interrupt-parent", 1, dsu.interrupt_parent);
        write_interrupt({.id = dsu.interrupt, .is_edge = true},
                        writer.property("interrupts", usize{4} * dsu.interrupt_cells));
        CellWriter cpus{writer.property("cpus", 4 * dsu.cpus.size())};
        for (const u32 cpu : dsu.cpus) {
            cpus.put(1, cpu);
        }
        writer.end_node();
    }
}

/// Binding arm,gic-v3. Cells behind the third are 0: no partition.
void write_interrupt(GuestInterrupt interrupt, std::span<std::byte> specifier) {
    constexpr u32 is_spi = 0, edge = 1, level = 4;
    CellWriter cells{specifier};
    cells.put(1, is_spi);
    cells.put(1, index(interrupt.id) - index(arm64::gic::first_spi));
    cells.put(1, interrupt.is_edge ? edge : level);
}

} // namespace baton::arch
