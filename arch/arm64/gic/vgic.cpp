// SPDX-License-Identifier: BSD-2-Clause
#include "arch/arm64/gic/vgic.hpp"

#include "hyp/log/log.hpp"
#include "hyp/vm/guest_ram.hpp"

#include <atomic>

namespace baton::arm64::gic {

bool Machine::is_guest_memory(PhysRange range) {
    return !range.empty() && guest_ram(range.begin.value, range.size).has_value();
}

void Machine::tell_refused(const char* reg, PhysRange range) {
    constexpr u32 most = 8; // The log is the administrator's, not the guest's to fill.
    static constinit std::atomic<u32> told{0};
    if (told.fetch_add(1, std::memory_order_relaxed) < most) {
        log::line("the guest's {} is refused: not all of {}, {} bytes, is its memory", reg,
                  range.begin, range.size);
    }
}

template class BasicVgic<Machine>;

} // namespace baton::arm64::gic
