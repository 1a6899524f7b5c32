// SPDX-License-Identifier: BSD-2-Clause
#include "hyp/platform/arch_nodes.hpp"
#include "hyp/platform/parse/parse.hpp"

namespace baton {

/// Devicetree Specification, 3.8.1: "disabled" says of a CPU that it waits to be enabled, by its
/// enable-method; "fail", that it does not work.
bool is_usable_cpu(FdtNode node) {
    return node.is_enabled() || (node.string("status") == "disabled" && node.has("enable-method"));
}

bool is_cpu(FdtNode node) {
    const std::string_view name = node.name();
    return node.string("device_type") == "cpu" || name == "cpu" || name.starts_with("cpu@");
}

std::optional<CpuId> find_cpu(const Platform& platform, u64 firmware_id) {
    for (u32 i = 0; i < platform.cpus.size(); i++) {
        if (platform.cpus[i].firmware_id == firmware_id) {
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
    bool all_startable = true;
    for_each_child(*cpus, [&](FdtNode cpu) {
        if (!result || !is_cpu(cpu) || !is_usable_cpu(cpu)) {
            return;
        }
        const auto id = CellReader{cpu.get("reg").value_or(Bytes{})}.take(cells.address);
        if (cells.address == 0 || !id || !arch::is_firmware_id(*id)) {
            result = fail(platform, Error::bad_dtb, "a cpu node whose reg is no name of a CPU");
        } else if (find_cpu(platform, *id)) {
            result = fail(platform, Error::bad_dtb, "two cpu nodes with the same reg");
        } else if (!platform.cpus.push({.firmware_id = *id, .phandle = cpu.phandle()})) {
            result = fail(platform, Error::too_many, "more than 512 CPUs");
        }
        all_startable = all_startable && arch::can_start(cpu);
    });
    if (!result) {
        return result;
    }
    if (platform.cpus.empty()) {
        return fail(platform, Error::bad_dtb, "no cpu node");
    }
    // A CPU that is alone needs no method: QEMU leaves it out.
    if (platform.cpus.size() > 1 && !all_startable) {
        return fail(platform, Error::unsupported,
                    "a CPU that is started by a method that Baton does not know");
    }
    return {};
}

} // namespace baton
