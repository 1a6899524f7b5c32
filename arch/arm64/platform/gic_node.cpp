// SPDX-License-Identifier: BSD-2-Clause
#include "arch/arm64/platform/arch_platform.hpp"
#include "hyp/platform/arch_nodes.hpp"
#include "hyp/platform/parse/parse.hpp"

namespace baton {

namespace {

/// Binding arm,gic: those with virtualization, and that boards with 64-bit CPUs have.
bool is_gicv2(FdtNode node) {
    return node.is_compatible("arm,gic-400") || node.is_compatible("arm,cortex-a15-gic") ||
           node.is_compatible("qcom,msm-qgic2");
}

/// Binding arm,gic-v3: the distributor, the redistributor regions, then what a GICv3 with GICv2
/// compatibility has besides.
Result<> parse_gic(const FdtWalk& walk, Platform& platform) {
    const FdtNode node = walk.node();
    arm64::GicInfo& info = platform.arch->gic;
    InterruptController& gic = platform.interrupt_controller;
    gic = {node, node.phandle(), node.number("#interrupt-cells").value_or(0)};
    if (gic.cells < 3 || gic.cells > 8) {
        return fail(platform, Error::bad_dtb, "a GIC with a strange #interrupt-cells");
    }
    const auto distributor = walk.reg(0);
    if (!distributor) {
        return fail(platform, Error::bad_dtb, "a GIC without a distributor");
    }
    info.distributor = *distributor;
    const u32 regions = node.number("#redistributor-regions").value_or(1);
    for (u32 i = 0; i < regions; i++) {
        const auto region = walk.reg(1 + i);
        if (!region) {
            return fail(platform, Error::bad_dtb,
                        "a GIC with fewer redistributor regions than it says");
        }
        if (!info.redistributors.push(*region)) {
            return fail(platform, Error::too_many, "more than 64 redistributor regions");
        }
    }
    if (info.redistributors.empty()) {
        return fail(platform, Error::bad_dtb, "a GIC without redistributors");
    }
    if (const auto stride = node.get("redistributor-stride")) {
        const u32 cells = stride->size() == 8 ? 2 : 1;
        info.redistributor_stride = CellReader{*stride}.take(cells).value_or(0);
    }
    const auto maintenance = arm64::private_interrupt(gic, node, 0);
    if (!maintenance) {
        return fail(platform, Error::unsupported, "a GIC without a maintenance interrupt");
    }
    info.maintenance_interrupt = *maintenance;
    return {};
}

} // namespace

Result<> arch::parse_interrupt_controller(const Fdt& fdt, Platform& platform) {
    for (FdtWalk walk{fdt}; walk.next();) {
        const FdtNode node = walk.node();
        if (node.is_compatible("arm,gic-v3")) {
            return parse_gic(walk, platform);
        }
        if (is_gicv2(node)) {
            return fail(platform, Error::unsupported,
                        "the interrupt controller is a GICv2: Baton needs a GICv3");
        }
    }
    return fail(platform, Error::unsupported, "no GICv3 interrupt controller");
}

Result<> arm64::parse_its(const FdtWalk& walk, Platform& platform) {
    if (const auto frame = walk.reg(0); frame && !platform.arch->gic.its.push(*frame)) {
        return fail(platform, Error::too_many, "more than 64 ITSs");
    }
    platform.has_message_controllers = !platform.arch->gic.its.empty();
    if (const auto phandle = walk.node().phandle()) {
        (void)platform.message_controllers.push(*phandle); // no more than frames
    }
    return {};
}

} // namespace baton
