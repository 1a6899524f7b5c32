// SPDX-License-Identifier: BSD-2-Clause
//
// When a kernel comes to its first line: for tools/bench footprint. Options: bare

#include "guest-api/guest/check.hpp"
#include "guest-api/guest/smp.hpp"
#include "guest-api/guest/timer.hpp"

namespace baton::guest {

void guest_main() {
    print("guest: entered: {}\n", now());
    check("the kernel runs", true);
}

} // namespace baton::guest
