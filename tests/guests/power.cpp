// SPDX-License-Identifier: BSD-2-Clause
//
// A VM that goes off, or resets with nothing staged, while others live on. Counts its lives in
// memory that it shares with the host VM, which nobody clears. Options:
//   lives=N       so many resets and a last life
//   last=WORD     how that one ends: off, or reset (which is to stop the VM)

#include "guest-api/guest/shared_memory.hpp"
#include "guest-api/guest/smp.hpp"

namespace baton::guest {

namespace {

/// Returns false where the memory is missing. The first life is 1.
u64 count_life() {
    const auto shared = SharedMemory::find();
    if (!check("there is memory that is shared", shared.has_value())) {
        return 0;
    }
    auto& lives = *reinterpret_cast<std::atomic<u64>*>(shared->range.begin.value);
    return ++lives;
}

[[noreturn]] void reset() {
    const psci::Status status = psci::system_reset();
    check("SYSTEM_RESET does not return", false, "{}", static_cast<std::int64_t>(status));
    end();
}

} // namespace

void guest_main() {
    const u64 last = option_number("lives", 1);
    const u64 life = count_life();
    print("guest: power: life {} of {}, {} CPUs\n", life, last, enabled_cpus());
    check("all CPUs start", start_all());
    check("it lives no more often than it is to", life <= last, "{}", life);
    if (life != 0 && life < last) {
        reset();
    }
    if (option_text("last") == "reset") {
        print_closing_line();
        reset();
    }
}

} // namespace baton::guest
