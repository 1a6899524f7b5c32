// SPDX-License-Identifier: BSD-2-Clause
#include "arch/arm64/platform/arch_platform.hpp"
#include "hyp/platform/parse/parse.hpp"

#include <algorithm>
#include <array>

namespace baton::arm64 {

/// Binding arm,arch_timer: secure, physical, virtual, hyp, hyp-virtual, unless names say otherwise.
Result<> parse_timer(FdtNode node, Platform& platform) {
    const InterruptController& gic = platform.interrupt_controller;
    static constexpr std::array<std::string_view, 5> names{"sec-phys", "phys", "virt", "hyp-phys",
                                                           "hyp-virt"};
    std::array<std::optional<InterruptId>, names.size()> found{};
    if (const auto listed = node.get("interrupt-names")) {
        StringReader strings{*listed};
        u32 at = 0;
        for (auto text = strings.take(); text; text = strings.take(), at++) {
            if (const auto name = std::find(names.begin(), names.end(), *text);
                name != names.end()) {
                found[static_cast<usize>(name - names.begin())] = private_interrupt(gic, node, at);
            }
        }
    } else {
        for (u32 i = 0; i < names.size(); i++) {
            found[i] = private_interrupt(gic, node, i);
        }
    }
    const auto& [secure, physical, virt, hyp, hyp_virt] = found;
    if (!physical || !virt || !hyp) {
        return fail(platform, Error::unsupported,
                    "an Armv8 timer without PPIs for physical, virtual and hypervisor timer");
    }
    platform.arch->timer = {secure, *physical, *virt, *hyp, hyp_virt};
    return {};
}

} // namespace baton::arm64
