// SPDX-License-Identifier: BSD-2-Clause
//
// One generation after another: each checks what it finds, leaves a mess behind, and calls PSCI
// SYSTEM_RESET from the next CPU in turn. Options:
//   swaps=N       the last generation; the first is 0
//   aps=MODE      what the other CPUs do when reset comes: spin (everything masked), wfi, off,
//                 storm (SGIs to all, and timers), onoff (CPU_ON and CPU_OFF), mixed
//   callers=2     two CPUs call SYSTEM_RESET at the same time
//   reset2        SYSTEM_RESET2 type 0 in every second generation
//   image=NAME    tells images apart that take turns
//   loading       each generation dies in the middle of a load
//   alternate     the image must differ from the last one
//   wipe          before reset all memory is overwritten that a guest may write
//   light         fills and looks at no registers, routes and silence: for many swaps
//   dump          prints the registers of the last generation's CPUs as they entered, and which of
//                 them the generation before had filled
//   beat=MS       reset comes when the counter is at a multiple of MS: in several VMs at once
//   idle          every second generation starts no AP and resets at once
//   bare, state=ADDRESS

#include "guest-api/guest/gic.hpp"
#include "guest-api/guest/successor.hpp"
#include "tests/guests/cluster.hpp"
#include "tests/guests/leftovers.hpp"

#include <algorithm>
#include <cstring>

namespace baton::guest {

namespace {

extern "C" char guest_image[], guest_constant_end[];

enum class Mode { spin, wfi, off, storm, onoff };

constexpr u32 storm_sgi = 1;
/// That take turns, by table.toml.
constexpr u64 images = 2;

std::atomic<u32> ready;

void examine_image(Generation& generation) {
    const u64 name = digest_of(platform().bootargs.data(), platform().bootargs.size());
    const u64 digest = digest_of(guest_image, static_cast<usize>(guest_constant_end - guest_image));
    const auto had_this_name = [name](const auto& known) { return known.name == name; };
    require("the command line is that of a boot image",
            generation.number < images || std::ranges::any_of(generation.digests, had_this_name));
    for (Generation::ImageDigest& known : generation.digests) {
        if (known.name == 0) {
            known = {name, digest};
        }
        if (known.name == name) {
            require("the image is what it was", known.digest == digest, "{x}, expected {x}", digest,
                    known.digest);
            break;
        }
    }
    if (option("alternate") && generation.number > 0) {
        require("the image is not that of the last generation", generation.image != name);
    }
    generation.image = name;
}

void examine_machine(Generation& generation) {
    if (option("loading") && generation.number > 0) {
        require("nothing is left of a load", status_now().load_state == BATON_EMPTY);
    }
    const Cpu& self = this_cpu();
    if (generation.number == 0) {
        generation.registers = entry_record(self).values;
    } else if (above_baton()) {
        require("entered on the CPU that called reset",
                self.mpidr == generation.caller || self.mpidr == generation.other_caller,
                "{x}, expected {x}", self.mpidr, generation.caller);
    }
    require("x1, x2 and x3 are 0 at entry", self.entry.x1_x2_x3 == 0);
    examine_spis();
    require("no CPU is lost", enabled_cpus() == cpus().size(), "{} of {} CPUs", enabled_cpus(),
            cpus().size());
    for (const Cpu& cpu : enabled()) {
        const auto off = [&] { return psci::affinity_info(cpu.mpidr) == psci::Affinity::off; };
        require("the APs are off at entry", &cpu == &self || wait_until(1000, off), "CPU {}",
                cpu.index);
    }
    examine_aps();
    examine_cluster();
    require("all CPUs start", start_all());
    examine_clusters();
    for (const Cpu& cpu : enabled()) {
        examine_entry(cpu, generation);
    }
    if (!option("light")) {
        examine_silence();
        examine_device_line(generation.number > 0 && above_baton());
    }
}

/// The old kernel's last look at the counter was moments ago.
void examine_time(const Generation& generation) {
    constexpr u64 most_seconds = 60;
    const u64 came = now();
    require("time runs on without a jump",
            generation.number == 0 ||
                (came > generation.left_at &&
                 came - generation.left_at < most_seconds * read_raw<CNTFRQ_EL0>()),
            "{x} after {x}", came, generation.left_at);
}

void dump(const Generation& generation) {
    for (const Cpu& cpu : enabled()) {
        print_entry(cpu);
    }
    print_filled(generation.filled);
}

Mode mode_of(const Cpu& cpu, u64 number) {
    constexpr std::array<std::string_view, 5> names{"spin", "wfi", "off", "storm", "onoff"};
    const std::string_view wanted = option_text("aps");
    for (usize i = 0; i < names.size(); i++) {
        if (wanted == names[i]) {
            return static_cast<Mode>(i);
        }
    }
    return static_cast<Mode>((cpu.index + number) % 4);
}

[[noreturn]] void spin_masked() {
    asm volatile("msr daifset, #0xf");
    (void)leave_everything();
    ready++;
    asm volatile("b .");
    __builtin_unreachable();
}

/// The rest of this generation for a CPU in a mode that ends by itself if no reset comes.
template <class Turn>
[[noreturn]] void until_reset(const Turn& turn) {
    ready++;
    wait_until(4 * patience(), [&] { // the caller waits for all others first
        turn();
        return false;
    });
    check("reset comes", false, "CPU {} still runs", this_cpu().index);
    end();
}

/// Where `onoff` starts its partner: out again at once, without a stack.
[[gnu::naked]] void only_leave() {
    asm volatile("mov w0, #2\n movk w0, #0x8400, lsl #16\n hvc #0\n b .");
}

void on_and_off(const Cpu& partner) {
    (void)psci::cpu_on(partner.mpidr, reinterpret_cast<u64>(only_leave), 0);
}

[[noreturn]] void wait_for_reset(Mode mode) {
    switch (mode) {
    case Mode::spin:
        spin_masked();
    case Mode::off:
        ready++;
        leave();
    case Mode::wfi:
        until_reset([] {});
    case Mode::storm:
        gic::enable(storm_sgi);
        gic::enable(PhysicalTimer::intid());
        until_reset([] {
            for (u32 i = 0; i < 100; i++) {
                gic::send_sgi_to_others(storm_sgi);
                PhysicalTimer::arm_in_us(20);
            }
        });
    case Mode::onoff:
        // Every second CPU starts the one after it, which is not there to begin with.
        if (this_cpu().index % 2 != 0) {
            ready++;
            leave();
        }
        until_reset([] { on_and_off(cpus()[(this_cpu().index + 1) % cpus().size()]); });
    }
    __builtin_unreachable();
}

/// Leaves nothing of what the firmware and earlier generations had in memory.
void wipe_memory() {
    for (const PhysRange& range : platform().memory) {
        for (PhysAddr at = range.begin; at < range.end(); at = at + page_size) {
            if (!platform().is_used({at, page_size}) && at.value != shared_page(0)) {
                std::memset(reinterpret_cast<void*>(at.value), 0xa5, page_size);
            }
        }
    }
}

/// A load that this generation does not finish.
void begin_and_die() {
    const std::span image{reinterpret_cast<const std::byte*>(guest_image), usize{BATON_MAX_CHUNK}};
    const CallResult begun = begin_load({.kernel = image, .initrd = image, .command_line = {}});
    const CallResult copied = copy_piece(begun.x1, 0, image);
    require("a load is in progress", status_now().load_state == BATON_LOADING, "{} {}",
            begun.status(), copied.status());
}

/// All VMs see the same counter.
void wait_for_beat() {
    const u64 beat = ticks_of_us(1000 * option_number("beat", 0));
    if (beat != 0) {
        const u64 next = now() / beat * beat + beat;
        while (now() < next) {
            yield();
        }
    }
}

[[noreturn]] void call_reset(u64 number, u32 waiting) {
    wait_until(patience(), [&] { return ready == waiting; });
    require("all CPUs are where reset is to find them", ready == waiting, "{} of {}", ready.load(),
            waiting);
    if (option("wipe")) {
        wipe_memory();
    }
    if (option("loading")) {
        begin_and_die();
    }
    asm volatile("msr daifset, #0xf");
    leave_spis();
    const auto filled = leave_everything();
    if (option("dump")) {
        this_generation().filled = filled;
        this_generation().seal();
    }
    wait_for_beat();
    const std::int64_t status = option("reset2") && number % 2 != 0
                                    ? psci::call(psci::Function::system_reset2)
                                    : psci::call(psci::Function::system_reset);
    check("SYSTEM_RESET does not return", false, "{}", status);
    end();
}

} // namespace

void guest_main() {
    Generation& generation = this_generation();
    const u64 last = option_number("swaps", 10);
    const u64 number = generation.number;
    print("guest: swap: generation {} of {} on CPU {}, {} CPUs, image at {x}\n", number, last,
          this_cpu().index, enabled_cpus(), platform().image.begin.value);
    examine_image(generation);
    examine_time(generation);
    if (option("idle") && number % 2 != 0 && number != last) {
        generation.caller = generation.other_caller = this_cpu().mpidr;
        generation.left_at = now();
        generation.seal();
        (void)psci::system_reset();
        check("SYSTEM_RESET does not return", false);
        return;
    }
    examine_machine(generation);
    generation.failed += failures();
    if (number == last) {
        generation.magic = 0;
        if (option("dump")) {
            dump(generation);
        }
        check("all generations found what a cold boot finds", generation.failed == 0, "{} failures",
              generation.failed);
        return;
    }

    const u32 count = enabled_cpus();
    const u32 callers = static_cast<u32>(std::min<u64>(option_number("callers", 1), count));
    const auto calls = [&](const Cpu& cpu) {
        return (cpu.index + count - number % count) % count < callers;
    };
    Cpu& first = cpus()[number % count];
    generation.caller = first.mpidr;
    generation.other_caller = cpus()[(number + callers - 1) % count].mpidr;
    generation.left_at = now();
    generation.seal();
    gic::set_handler(storm_sgi, [](u32) {});
    gic::set_handler(PhysicalTimer::intid(), [](u32) { PhysicalTimer::disarm(); });
    for (u32 cluster = 0; const auto line = cluster_line(cluster); cluster++) {
        gic::set_handler(*line, [](u32) {}); // of a CPU that has left it, to one that has not yet
    }
    const auto work = [&] {
        if (calls(this_cpu())) {
            call_reset(number, count - callers);
        }
        wait_for_reset(mode_of(this_cpu(), number));
    };
    run_on_all("reset comes", work);
}

} // namespace baton::guest
