// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "arch/arm64/cpu/barrier.hpp"
#include "hyp/address.hpp"

/// Cache maintenance by address (Arm ARM D7.5). Baton maps memory where it is, so a physical
/// address serves. Set/way operations are never used: they race prefetching and migration of
/// lines between CPUs. Whether instruction fetches need help (CTR_EL0.IDC, DIC) says nothing
/// about the point of coherency, so nothing here is skipped for it.
namespace baton::arm64::cache {

/// Bytes of the smallest data cache line of any cache that this CPU sees.
inline u64 data_line_size() {
    u64 ctr;
    asm("mrs %0, ctr_el0" : "=r"(ctr));
    return u64{4} << ((ctr >> 16) & 0xf);
}

/// Runs one DC instruction for every line that the range touches.
template <class DataCacheOperation>
inline void for_each_line(PhysRange range, DataCacheOperation operation) {
    const u64 line = data_line_size();
    const u64 end = range.end().value;
    for (u64 at = align_down(range.begin.value, line); at < end; at += line) {
        operation(at);
    }
    // Complete for every observer, those that bypass the caches included, before what follows
    // (a kick, a device write, entering an image). DSB is what a DC operation is waited for with.
    dsb_sy();
}

/// For readers that bypass the caches: a CPU with its MMU off, a non-coherent device. The lines
/// stay cached.
inline void clean_to_poc(PhysRange range) {
    for_each_line(range, [](u64 at) { asm volatile("dc cvac, %0" ::"r"(at) : "memory"); });
}

/// As above, and no line stays. Before writes that bypass the caches: no dirty line is left that
/// an eviction could put over them. After such writes: no line read too early hides them (there
/// is nothing dirty, so nothing is written back). And when memory leaves a guest, which may have
/// used it with any attributes.
inline void clean_invalidate_to_poc(PhysRange range) {
    for_each_line(range, [](u64 at) { asm volatile("dc civac, %0" ::"r"(at) : "memory"); });
}

/// Drops what is cached, changed or not: for memory that a non-coherent writer has just filled.
/// @param range whole lines: what else lies in a line is lost with it
inline void invalidate_to_poc(PhysRange range) {
    for_each_line(range, [](u64 at) { asm volatile("dc ivac, %0" ::"r"(at) : "memory"); });
}

/// No CPU runs instructions that it had fetched before: after new code was written and cleaned
/// (clean_to_poc has waited for that).
inline void invalidate_instructions() {
    asm volatile("ic ialluis" ::: "memory");
    dsb_ish(); // complete on every CPU of the inner shareable domain
    isb();     // and this CPU refetches
}

/// The same for this CPU alone: for CPUs that come up with an unknown instruction cache.
inline void invalidate_local_instructions() {
    asm volatile("ic iallu" ::: "memory");
    dsb_nsh(); // complete on this CPU, which is all that it reaches
    isb();     // and refetch
}

} // namespace baton::arm64::cache
