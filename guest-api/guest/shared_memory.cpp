// SPDX-License-Identifier: BSD-2-Clause
#include "guest-api/guest/shared_memory.hpp"

#include "arch/arm64/cpu/barrier.hpp"
#include "guest-api/guest/fdt.hpp"
#include "guest-api/guest/hypercall.hpp"
#include "guest-api/guest/mmu.hpp"

namespace baton::guest {

std::optional<SharedMemory> SharedMemory::find() {
    const auto node = Node::compatible_with("baton,shared-memory");
    const auto range = node ? node->reg() : std::nullopt;
    const auto bell = node ? node->interrupt() : std::nullopt;
    const auto number = node ? node->number("baton,region") : std::nullopt;
    if (!range || !bell || !number) {
        return std::nullopt;
    }
    map(*range, MemoryType::normal);
    return SharedMemory{*range, *bell, *number};
}

CallResult SharedMemory::ring(u64 number) {
    arm64::dsb_ish(); // what the other one is to see was written before
    return hypercall(BATON_DOORBELL, number);
}

} // namespace baton::guest
