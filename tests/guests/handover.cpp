// SPDX-License-Identifier: BSD-2-Clause
//
// What tools/bench measures handovers with: each generation starts all CPUs, which sleep, stages
// itself anew and calls SYSTEM_RESET from the same CPU. Its initrd is the image as it was built.
// Options:
//   handovers=N   the last generation; the first is 0
//   size=MIB      the kernel is made so large, with zeros
//   trace         prints the last one's trace
//   state=ADDRESS

#include "arch/arm64/marks.hpp"
#include "guest-api/guest/psci.hpp"
#include "guest-api/guest/successor.hpp"
#include "guest-api/guest/trace.hpp"
#include "tests/guests/generation.hpp"

#include <cstring>

namespace baton::guest {
namespace {

std::span<const std::byte> pristine() {
    const PhysRange initrd = platform().initrd.value_or(PhysRange{});
    return {reinterpret_cast<const std::byte*>(initrd.begin.value),
            static_cast<usize>(initrd.size)};
}

/// The image as it was built, or a copy of it with zeros behind, in RAM that nobody uses.
std::span<const std::byte> next_kernel() {
    const u64 size = option_number("size", 0) * MiB;
    if (size == 0) {
        return pristine();
    }
    for (const PhysRange& ram : platform().memory) {
        PhysRange room{{align_up(ram.begin.value, 2 * MiB) + 2 * MiB}, size};
        while (ram.contains(room) && platform().is_used(room)) {
            room.begin = room.begin + 2 * MiB;
        }
        if (ram.contains(room)) {
            auto* const kernel = reinterpret_cast<std::byte*>(room.begin.value);
            std::memcpy(kernel, pristine().data(), pristine().size());
            std::memset(kernel + pristine().size(), 0, size - pristine().size());
            return {kernel, static_cast<usize>(size)};
        }
    }
    check("there is room for the kernel", false);
    end();
}

/// For tools/bench, which knows them by their order.
void print_steps() {
    baton_trace trace{};
    (void)hypercall_into(BATON_TRACE, trace);
    print("guest: steps:");
    for (u32 i = 0; i < trace.step_count; i++) {
        print(" {}", std::string_view{trace.steps[i].name});
    }
    print("\n");
}

} // namespace

void guest_main() {
    Generation& generation = this_generation();
    require("all CPUs start", start_all());
    require("all CPUs are online", status_now().online == cpus().size(), "{}", status_now().online);
    generation.failed += failures();
    if (generation.number == option_number("handovers", 1)) {
        check("every generation had all CPUs", generation.failed == 0);
        print_steps();
        if (option("trace")) {
            print_trace();
        }
        return;
    }
    const Successor successor{next_kernel(), pristine(), platform().bootargs};
    const CallResult staged = stage(successor);
    if (!check("the successor is staged", staged.status() == BATON_OK, "{}", staged.status())) {
        end();
    }
    const baton_status status = status_now();
    print("guest: load: {} bytes, {} ns to copy, {} to digest, {} to clean\n", status.load_size,
          status.copy_ns, status.digest_ns, status.clean_ns);
    generation.seal();
    mask_interrupts();
    arm64::mark<MARK_START>();
    (void)psci::system_reset();
    check("SYSTEM_RESET does not return", false);
}

} // namespace baton::guest
