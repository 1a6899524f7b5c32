// SPDX-License-Identifier: BSD-2-Clause
#include "hyp/platform/arch_nodes.hpp"

#include <algorithm>
#include <array>

namespace baton::arch {

bool is_core_node(FdtNode node) {
    static constexpr std::array<std::string_view, 7> names{
        "arm,gic-v3",   "arm,gic-v3-its", "arm,gic-v2m-frame", "arm,armv8-timer",
        "arm,psci-1.0", "arm,psci-0.2",   "arm,psci"};
    // Each core type has a compatible string of its own for its PMU; all end alike. Those of what
    // lies between the cores have registers in memory.
    const bool may_be_pmu = !node.has("reg");
    StringReader strings{node.get("compatible").value_or(Bytes{})};
    while (const auto text = strings.take()) {
        if (std::ranges::find(names, *text) != names.end() ||
            (may_be_pmu && (text->ends_with("-pmu") || text->ends_with("-pmuv3")))) {
            return true;
        }
    }
    return false;
}

} // namespace baton::arch
