// SPDX-License-Identifier: BSD-2-Clause
//
// FP, SIMD and SVE registers can be used, are each CPU's own, and hold their values across
// hypercalls, interrupts and sleep. On at most 16 CPUs.

#include "guest-api/guest/gic.hpp"
#include "guest-api/guest/smp.hpp"

#include <algorithm>

namespace baton::guest {

namespace {

extern "C" {
void load_q_registers(const u8* q);
void store_q_registers(u8* q);
void load_sve_registers(const u8* z, const u8* p);
void store_sve_registers(u8* z, u8* p);
u64 sve_vector_length();
}

constexpr u32 most_cpus = 16;
constexpr usize largest_vector = 256;

struct Image {
    std::array<u8, 32 * largest_vector> z; ///< q registers use its front
    std::array<u8, 16 * largest_vector / 8> p;
};
alignas(64) std::array<Image, most_cpus> written, found;

void fill(std::span<u8> bytes, u32 seed) {
    for (u8& byte : bytes) {
        seed = seed * 1664525 + 1013904223;
        byte = static_cast<u8>(seed >> 24);
    }
}

/// No C++ here uses a vector register.
void disturb() {
    for (u32 i = 0; i < 200; i++) {
        (void)psci::call(psci::Function::version);
    }
    pause_for(3);
    (void)fault_of([] { asm volatile("udf #0"); });
}

/// `z_size` and `p_size`: bytes of all registers.
template <class Load, class Store>
bool held(usize z_size, usize p_size, const Load& load, const Store& store) {
    std::atomic<u32> lost;
    run_on_all("all CPUs hold their registers", [&] {
        if (this_cpu().index >= most_cpus) {
            return;
        }
        Image& mine = written[this_cpu().index];
        Image& back = found[this_cpu().index];
        for (u32 round = 0; round < 5; round++) {
            fill(mine.z, this_cpu().index * 100 + round);
            fill(mine.p, this_cpu().index * 100 + round + 50);
            back = {};
            load(mine);
            disturb();
            store(back);
            lost += !std::ranges::equal(std::span{mine.z}.first(z_size),
                                        std::span{back.z}.first(z_size)) ||
                    !std::ranges::equal(std::span{mine.p}.first(p_size),
                                        std::span{back.p}.first(p_size));
        }
    });
    return lost == 0;
}

} // namespace

void guest_main() {
    print("guest: vectors: {} CPUs\n", enabled_cpus());
    check("all CPUs start", start_all());
    run_on_all("FP is on", [] {
        write(read<CPACR_EL1>() | CPACR_EL1::FPEN);
        isb();
    });
    check("q registers hold their values",
          held(
              32 * 16, 0, [](const Image& image) { load_q_registers(image.z.data()); },
              [](Image& image) { store_q_registers(image.z.data()); }));

    if (!ID_AA64PFR0_EL1::sve(read<ID_AA64PFR0_EL1>())) {
        print("no SVE\n");
        return;
    }
    std::atomic<u32> different;
    std::atomic<u64> length = 0;
    run_on_all("SVE is on", [&] {
        write(read<CPACR_EL1>() | CPACR_EL1::ZEN);
        isb();
        write_raw<ZCR_EL1>(0xf); // the longest there is
        isb();
        u64 none = 0;
        const u64 mine = sve_vector_length();
        different += !length.compare_exchange_strong(none, mine) && none != mine;
    });
    print("SVE vectors of {} bytes\n", length.load());
    check("SVE has the same vector length on all CPUs", length >= 16 && different == 0);
    check("z and p registers hold their values",
          held(
              32 * length, 2 * length,
              [](const Image& image) { load_sve_registers(image.z.data(), image.p.data()); },
              [](Image& image) { store_sve_registers(image.z.data(), image.p.data()); }));
}

} // namespace baton::guest
