// SPDX-License-Identifier: BSD-2-Clause
#include "arch/arm64/platform/arch_platform.hpp"
#include "hyp/platform/parse/parse.hpp"

namespace baton::arm64 {

namespace {

std::optional<PsciInfo::Conduit> conduit_of(FdtNode node) {
    const std::string_view method = node.string("method");
    if (method == "smc") {
        return PsciInfo::Conduit::smc;
    }
    return method == "hvc" ? std::optional{PsciInfo::Conduit::hvc} : std::nullopt;
}

} // namespace

bool is_psci(FdtNode node) {
    return node.is_compatible("arm,psci-1.0") || node.is_compatible("arm,psci-0.2");
}

Result<> parse_psci(FdtNode node, Platform& platform) {
    const auto conduit = conduit_of(node);
    if (!conduit) {
        return fail(platform, Error::bad_dtb, "a PSCI whose method is neither smc nor hvc");
    }
    const bool is_1_0 = node.is_compatible("arm,psci-1.0");
    platform.arch->psci = {
        .conduit = *conduit, .major = is_1_0 ? 1U : 0U, .minor = is_1_0 ? 0U : 2U};
    return {};
}

bool has_psci_by_smc(const Fdt& fdt) {
    for (FdtWalk walk{fdt}; walk.next();) {
        if (is_psci(walk.node()) && conduit_of(walk.node()) == PsciInfo::Conduit::smc) {
            return true;
        }
    }
    return false;
}

} // namespace baton::arm64
