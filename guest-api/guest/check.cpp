// SPDX-License-Identifier: BSD-2-Clause
#include "guest-api/guest/check.hpp"

#include "arch/arm64/cpu/barrier.hpp"
#include "guest-api/guest/psci.hpp"

#include <atomic>

namespace baton::guest {

namespace {
std::atomic<u32> passed_checks, failed_checks;
}

void report(bool passed, std::string_view name, std::string_view why) {
    (passed ? passed_checks : failed_checks).fetch_add(1, std::memory_order_relaxed);
    if (passed) {
        print("ok: {}\n", name);
    } else {
        print("FAIL: {}{}{}\n", name, why.empty() ? "" : ": ", why);
    }
}

u32 failures() { return failed_checks.load(std::memory_order_relaxed); }

void print_closing_line() {
    print("guest: {} passed, {} failed\n", passed_checks.load(), failures());
}

void end() {
    print_closing_line();
    if (!option("stay")) {
        psci::system_off();
        print("FAIL: SYSTEM_OFF came back\n");
    }
    for (;;) {
        arm64::wfi();
    }
}

} // namespace baton::guest
