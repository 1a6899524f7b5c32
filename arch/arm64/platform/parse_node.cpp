// SPDX-License-Identifier: BSD-2-Clause
#include "arch/arm64/platform/arch_platform.hpp"
#include "hyp/platform/arch_nodes.hpp"
#include "hyp/platform/parse.hpp"

namespace baton::arch {

namespace {

bool is_psci(FdtNode node) {
    return node.is_compatible("arm,psci-1.0") || node.is_compatible("arm,psci-0.2");
}

Result<> parse_psci(FdtNode node, Platform& platform) {
    using arm64::PsciInfo;
    const std::string_view method = node.string("method");
    if (method != "smc" && method != "hvc") {
        return fail(platform, Error::bad_dtb, "a PSCI whose method is neither smc nor hvc");
    }
    const bool is_1_0 = node.is_compatible("arm,psci-1.0");
    platform.arch->psci = {.conduit =
                               method == "smc" ? PsciInfo::Conduit::smc : PsciInfo::Conduit::hvc,
                           .major = is_1_0 ? 1U : 0U,
                           .minor = is_1_0 ? 0U : 2U};
    return {};
}

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
    if (is_psci(node)) {
        return wholly(parse_psci(node, platform));
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
