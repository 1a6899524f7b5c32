// SPDX-License-Identifier: BSD-2-Clause
//
// Each generation maps the same addresses to other memory than the one before it, global and for
// several ASIDs, and looks at them on every CPU before it has invalidated any TLB: the library's
// entry leaves out its TLBI for this guest. Options: swaps=N, state=ADDRESS.

#include "tests/guests/generation.hpp"

namespace baton::guest {

extern "C" std::array<u64, 512> translation_root;

namespace {

// Descriptors of VMSAv8-64 stage 1 (D8.3); index 1 of MAIR_EL1 is Normal memory.
constexpr u64 table_entry = 0b11, block_entry = 0b01, access_flag = 1 << 10, not_global = 1 << 11,
              inner_shareable = 0b11 << 8, normal = 1 << 2;

/// Each ASID has its own tables for 512 GiB; window i is 2 MiB there.
constexpr std::array<u64, 4> asids{0, 0x11, 0x22, 0x33};
constexpr u64 windows_at = u64{1} << 39;
constexpr u64 window_count = 8;

using Table = std::array<u64, 512>;
alignas(page_size) std::array<Table, asids.size()> roots, upper, lower;
std::array<std::atomic<u32>, max_cpus> wrong, looked;

/// Beside the pages that all generations have: in no slot, and the same in each generation.
u64 room() {
    const u64 end = align_down(shared_page(0), block_size);
    const PhysRange blocks{{end - window_count * block_size}, window_count * block_size};
    const bool free = platform().is_memory(blocks) && !platform().is_used(blocks);
    return free ? blocks.begin.value : 0;
}
u64 block(u64 n) { return room() + n * block_size; }
/// A generation's blocks for its windows are another generation's for others.
u64 block_of(u64 window, u64 asid, u64 generation) {
    return (window + asid + 3 * generation) % window_count;
}
/// The other ASIDs share addresses; ASID 0 has its own, since no address may be global and not.
u64 place_of(u64 window, u64 asid) { return asid == 0 ? window : window_count + window; }
u64 mark(u64 block_number) { return 0x5a5a'0000'0000'0000 | block_number; }

void build_windows(u64 generation) {
    for (u64 n = 0; n < window_count; n++) {
        *reinterpret_cast<volatile u64*>(block(n)) = mark(n);
    }
    for (u64 asid = 0; asid < asids.size(); asid++) {
        roots[asid] = translation_root;
        roots[asid][1] = reinterpret_cast<u64>(&upper[asid]) | table_entry;
        upper[asid][0] = reinterpret_cast<u64>(&lower[asid]) | table_entry;
        for (u64 window = 0; window < window_count; window++) {
            const bool global = asid == 0 && window % 2 == 0;
            lower[asid][place_of(window, asid)] = block(block_of(window, asid, generation)) |
                                                  block_entry | access_flag | inner_shareable |
                                                  normal | (global ? 0 : not_global);
        }
    }
    dsb_ishst(); // invalid entries became valid, which needs no TLBI
    isb();
}

void look_through_windows(Cpu& self, u64 generation) {
    const u64 ttbr0 = read_raw<TTBR0_EL1>();
    for (u64 asid = 0; asid < asids.size(); asid++) {
        write_raw<TTBR0_EL1>(reinterpret_cast<u64>(&roots[asid]) | asids[asid] << 48);
        isb();
        for (u64 window = 0; window < window_count; window++) {
            const u64 at = windows_at + place_of(window, asid) * block_size;
            const u64 found = *reinterpret_cast<volatile u64*>(at);
            wrong[self.index] += found != mark(block_of(window, asid, generation));
            looked[self.index]++;
        }
    }
    write_raw<TTBR0_EL1>(ttbr0);
    isb();
}

bool is_boot_cpu(const Cpu& self) { return self.entry.x0 != reinterpret_cast<u64>(&self); }

} // namespace

void look_at_entry(Cpu& self) {
    const u64 generation = this_generation().number;
    if (room() == 0) {
        return;
    }
    if (is_boot_cpu(self)) {
        build_windows(generation);
    }
    look_through_windows(self, generation);
}

void guest_main() {
    Generation& generation = this_generation();
    const u64 last = option_number("swaps", 4);
    print("guest: tlb: generation {} of {} on CPU {}\n", generation.number, last, this_cpu().index);
    require("there is room for the blocks", room() != 0);
    require("all CPUs start", start_all());
    for (const Cpu& cpu : cpus()) {
        require("a CPU has looked at all windows", looked[cpu.index] == window_count * asids.size(),
                "CPU {}: {}", cpu.index, looked[cpu.index].load());
        require("no translation of the last kernel is left", wrong[cpu.index] == 0,
                "CPU {}: {} of {}", cpu.index, wrong[cpu.index].load(), looked[cpu.index].load());
    }
    generation.failed += failures();
    if (generation.number == last) {
        generation.magic = 0;
        check("no generation met a translation of the one before it", generation.failed == 0,
              "{} failures", generation.failed);
        return;
    }
    // On the next CPU in turn; the others sleep with their TLBs full.
    Cpu& caller = cpus()[generation.number % cpus().size()];
    generation.seal();
    run_on_all("reset comes", [&] {
        mask_interrupts();
        if (&this_cpu() == &caller) {
            (void)psci::system_reset();
            check("SYSTEM_RESET does not return", false);
            end();
        }
        for (;;) {
            wfi();
        }
    });
}

} // namespace baton::guest
