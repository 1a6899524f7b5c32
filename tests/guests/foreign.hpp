// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "guest-api/guest/gic.hpp"

/// Interrupts that nobody in this VM asks for.
namespace baton::guest {

/// Every CPU for itself: enables all its SGIs and PPIs, and those SPIs that are the VM's. One that
/// comes without a handler is a FAIL.
inline void listen_for_foreign_interrupts() {
    for (u32 intid = 0; intid < gic::first_spi; intid++) {
        gic::enable(intid);
    }
    for (u32 spi = gic::first_spi; spi < gic::interrupt_count(); spi++) {
        if (gic::is_ours(spi)) {
            gic::enable(spi);
        }
    }
}

} // namespace baton::guest
