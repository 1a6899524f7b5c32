// SPDX-License-Identifier: BSD-2-Clause
//
// Hands the machine to an EL2 image of its initrd, an archive: "kernel" is the image, "initrd" its
// initrd, "append" its command line; "module" a boot module of it, "arguments" that module's.
// Options:
//   again=N       the image is a Baton: "module" is this guest, with the archive as its ramdisk,
//   and
//                 does the same again, N times in all, on another CPU each time
//   on=N          exec is called on CPU N
//   state=ADDRESS

#include "guest-api/guest/archive.hpp"
#include "guest-api/guest/successor.hpp"
#include "tests/guests/generation.hpp"

namespace baton::guest {

namespace {

std::string_view text_of(std::string_view name) {
    const std::span<const std::byte> bytes = archived(name);
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

void stage_image() {
    StaticVector<SuccessorModule, 2> modules;
    if (const auto module = archived("module"); !module.empty()) {
        (void)modules.push({module, true, platform().bootargs});
        (void)modules.push({archive(), false, {}});
    }
    const CallResult staged = stage({.kernel = archived("kernel"),
                                     .initrd = archived("initrd"),
                                     .command_line = text_of("append"),
                                     .kind = BATON_HOST_KEXEC,
                                     .modules = {modules.data(), modules.size()}});
    if (!check("the image is staged", staged.status() == BATON_OK, "{}: {} of {} bytes",
               staged.status(), staged.x1, staged.x2)) {
        end();
    }
}

} // namespace

void guest_main() {
    Generation& generation = this_generation();
    const u64 last = option_number("again", 1);
    print("guest: host: life {} of {} on CPU {}, {} of {} CPUs\n", generation.number, last,
          this_cpu().index, enabled_cpus(), cpus().size());
    require("all CPUs start", start_all());
    require("all CPUs are online", status_now().online == enabled_cpus());
    require("this Baton has handed over nothing yet", status_now().handovers == 0);
    generation.failed += failures();
    if (generation.number == last) {
        generation.magic = 0;
        check("every life found its machine whole", generation.failed == 0, "{} failures",
              generation.failed);
        return;
    }
    stage_image();
    generation.seal();
    const u64 next = option_number("on", (generation.number + 1) % cpus().size());
    run_on_all("exec comes", [&] {
        if (this_cpu().index == next) {
            print("exec at {} ticks\n", PhysicalTimer::count());
            (void)hypercall(BATON_EXEC);
            check("exec does not return", false);
            end();
        }
        mask_interrupts();
        for (;;) {
            wfi();
        }
    });
}

} // namespace baton::guest
