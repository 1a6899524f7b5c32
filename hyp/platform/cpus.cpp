// SPDX-License-Identifier: BSD-2-Clause
#include "hyp/platform/parse.hpp"

namespace baton {

namespace {

constexpr u64 affinity_bits = 0xff'00ff'ffff;

} // namespace

/// Devicetree Specification, 3.8.1: "disabled" says of a CPU that it waits to be enabled, by its
/// enable-method; "fail", that it does not work.
bool is_usable_cpu(FdtNode node) {
    return node.is_enabled() || (node.string("status") == "disabled" && node.has("enable-method"));
}

bool is_cpu(FdtNode node) {
    const std::string_view name = node.name();
    return node.string("device_type") == "cpu" || name == "cpu" || name.starts_with("cpu@");
}

std::optional<CpuId> find_cpu(const Platform& platform, u64 mpidr) {
    for (u32 i = 0; i < platform.cpus.size(); i++) {
        if (platform.cpus[i].mpidr == mpidr) {
            return CpuId{i};
        }
    }
    return std::nullopt;
}

std::optional<CpuId> cpu_of(FdtNode cpus, FdtNode cpu, const Platform& platform) {
    const CellCounts cells = cpus.child_cells({1, 0});
    const auto reg = CellReader{cpu.get("reg").value_or(Bytes{})}.take(cells.address);
    return reg ? find_cpu(platform, *reg) : std::nullopt;
}

Result<> parse_cpus(const Fdt& fdt, Platform& platform) {
    const auto cpus = fdt.find("/cpus");
    if (!cpus) {
        return fail(platform, Error::bad_dtb, "no /cpus");
    }
    const CellCounts cells = cpus->child_cells({1, 0});
    Result<> result;
    bool all_by_psci = true;
    for_each_child(*cpus, [&](FdtNode cpu) {
        if (!result || !is_cpu(cpu) || !is_usable_cpu(cpu)) {
            return;
        }
        const auto mpidr = CellReader{cpu.get("reg").value_or(Bytes{})}.take(cells.address);
        if (cells.address == 0 || !mpidr || (*mpidr & ~affinity_bits) != 0) {
            result = fail(platform, Error::bad_dtb, "a cpu node whose reg is no MPIDR");
        } else if (find_cpu(platform, *mpidr)) {
            result = fail(platform, Error::bad_dtb, "two cpu nodes with the same MPIDR");
        } else if (!platform.cpus.push({.mpidr = *mpidr, .phandle = cpu.phandle()})) {
            result = fail(platform, Error::too_many, "more than 512 CPUs");
        }
        all_by_psci = all_by_psci && cpu.string("enable-method") == "psci";
    });
    if (!result) {
        return result;
    }
    if (platform.cpus.empty()) {
        return fail(platform, Error::bad_dtb, "no cpu node");
    }
    // A CPU that is alone needs no method: QEMU leaves it out.
    if (platform.cpus.size() > 1 && !all_by_psci) {
        return fail(platform, Error::unsupported, "a CPU that is not started through PSCI");
    }
    return {};
}

} // namespace baton
