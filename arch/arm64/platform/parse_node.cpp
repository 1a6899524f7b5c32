// SPDX-License-Identifier: BSD-2-Clause
#include "arch/arm64/platform/arch_platform.hpp"
#include "hyp/platform/arch_nodes.hpp"
#include "hyp/platform/parse/parse.hpp"

namespace baton::arch {

namespace {

/// Each core type has a compatible string of its own for its PMU; all end alike. Those of a DSU or
/// an interconnect do too, but interrupt by SPI.
void parse_pmu(FdtNode node, Platform& platform) {
    auto& interrupt = platform.arch->pmu_interrupt;
    StringReader strings{node.get("compatible").value_or(Bytes{})};
    while (const auto text = strings.take()) {
        if (!interrupt && (text->ends_with("-pmu") || text->ends_with("-pmuv3"))) {
            interrupt = arm64::private_interrupt(platform.interrupt_controller, node, 0);
        }
    }
}

Result<bool> wholly(Result<> result) {
    return result ? Result<bool>{true} : std::unexpected(result.error());
}

} // namespace

Result<bool> parse_node(const FdtWalk& walk, Platform& platform) {
    const FdtNode node = walk.node();
    if (node == platform.interrupt_controller.node) {
        return true; // parse_interrupt_controller
    }
    if (node.is_compatible("arm,gic-v3-its")) {
        return wholly(arm64::parse_its(walk, platform));
    }
    if (node.is_compatible("arm,armv8-timer")) {
        return wholly(arm64::parse_timer(node, platform));
    }
    if (arm64::is_psci(node)) {
        return wholly(arm64::parse_psci(node, platform));
    }
    if (node.is_compatible("arm,dsu-pmu")) {
        arm64::parse_dsu(node, platform);
    }
    parse_pmu(node, platform);
    return false;
}

Result<> finish_parsing(Platform& platform) {
    const ArchPlatform& own = *platform.arch;
    if (own.timer.hyp == InterruptId{}) { // no PPI's number
        return fail(platform, Error::unsupported, "no Armv8 timer");
    }
    if (own.psci.major == 0 && own.psci.minor == 0) {
        return fail(platform, Error::unsupported, "no PSCI of version 0.2 or later");
    }
    bool fits = platform.devices.subtract(own.gic.distributor);
    for (const PhysRange& region : own.gic.redistributors) {
        fits = fits && platform.devices.subtract(region);
    }
    for (const PhysRange& frame : own.gic.its) {
        fits = fits && platform.devices.subtract(frame);
    }
    return fits ? Result<>{} : fail(platform, Error::too_many, too_many_devices);
}

/// MPIDR_EL1's affinity fields.
bool is_firmware_id(u64 reg) {
    constexpr u64 affinity_bits = 0xff'00ff'ffff;
    return (reg & ~affinity_bits) == 0;
}

bool can_start(FdtNode cpu) { return cpu.string("enable-method") == "psci"; }

std::string_view counter_model_option() { return "dsu"; }

} // namespace baton::arch
