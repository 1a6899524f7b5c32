// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "arch/arm64/cpu/time.hpp"

namespace baton::arm64 {

/// Sleeps in WFI until an interrupt pends for this CPU or the deadline comes; it may return
/// earlier. Interrupts stay masked and pending: the caller looks at what woke it.
void sleep_until(Deadline deadline);

/// The same without a deadline, for a CPU that has nothing to do until it is kicked.
void sleep();

} // namespace baton::arm64
