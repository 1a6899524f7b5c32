// SPDX-License-Identifier: BSD-2-Clause
//
// Counts its own cycles on each CPU in turn by perf_event_open, sampling, so that the counter
// overflows and interrupts. Prints a line for each; `perf forever` goes on on all of them.
// `perf cluster TYPE CPU` counts those of a DSU, whose events have the type, and prints how many;
// `perf cluster TYPE CPU forever` does so for ever, and `perf cluster TYPE CPU FILE` switches the
// CPU off by its FILE in /sys in between.
// Without a C library: what an initrd needs is this file alone.

#include <stdint.h>

typedef uint64_t u64;

enum {
    sys_ioctl = 29,
    sys_openat = 56,
    sys_read = 63,
    sys_write = 64,
    sys_exit = 93,
    sys_sched_setaffinity = 122,
    sys_clone = 220,
    sys_mmap = 222,
    sys_perf_event_open = 241
};

static long call(long number, long a, long b, long c, long d, long e, long f) {
    register long x8 __asm__("x8") = number;
    register long x0 __asm__("x0") = a;
    register long x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c;
    register long x3 __asm__("x3") = d;
    register long x4 __asm__("x4") = e;
    register long x5 __asm__("x5") = f;
    __asm__ volatile("svc #0"
                     : "+r"(x0)
                     : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
                     : "memory");
    return x0;
}

static void put(const char* text) {
    long size = 0;
    while (text[size] != 0) {
        size++;
    }
    call(sys_write, 1, (long)text, size, 0, 0, 0);
}

static void put_number(u64 number) {
    char digits[21];
    int at = 20;
    digits[at] = 0;
    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number != 0);
    put(&digits[at]);
}

static void put_count(u64 count) {
    put(" ");
    put_number(count);
}

static u64 number_in(const char* text) {
    u64 number = 0;
    for (; *text >= '0' && *text <= '9'; text++) {
        number = 10 * number + (u64)(*text - '0');
    }
    return number;
}

/// The front of struct perf_event_attr (its version 5).
struct attributes {
    uint32_t type, size;
    u64 config, sample_period, sample_type, read_format, flags;
    u64 rest[8];
};
enum { hardware = 0, cycles = 0, sample_ip = 1, exclude_kernel = 1 << 5, exclude_hv = 1 << 6 };

/// The front of the ring that a sampled event writes.
struct ring {
    char before[1024];
    volatile u64 head;
};

static void spin(u64 times) {
    for (volatile u64 i = 0; i < times; i++) {
    }
}

/// Returns 0 if it counts and interrupts.
static int count_on(long cpu, int forever) {
    struct attributes wanted = {.type = hardware,
                                .size = sizeof wanted,
                                .config = cycles,
                                .sample_period = 1000000,
                                .sample_type = sample_ip,
                                .flags = exclude_kernel | exclude_hv};
    const long event = call(sys_perf_event_open, (long)&wanted, 0, cpu, -1, 0, 0);
    const long page = 4096;
    // Two pages: the ring's front, and room for samples.
    struct ring* ring = event < 0 ? 0 : (struct ring*)call(sys_mmap, 0, 2 * page, 3, 1, event, 0);
    if (event < 0 || (long)ring < 0) {
        put("perf: no event\n");
        return 1;
    }
    u64 count = 0;
    do {
        spin(2000000);
        call(sys_read, event, (long)&count, sizeof count, 0, 0, 0);
    } while (forever);
    put("perf: CPU ");
    put_number((u64)cpu);
    put(count > 1000000 ? " counts" : " counts nothing");
    put(ring->head != 0 ? " and samples\n" : " and takes no interrupt\n");
    return count > 1000000 && ring->head != 0 ? 0 : 1;
}

static u64 read_count(long event) {
    u64 count = 0;
    call(sys_read, event, (long)&count, sizeof count, 0, 0, 0);
    return count;
}

/// Returns 0 if the cluster's cycles count, before and after `file` is written to.
static int count_cluster(u64 type, u64 cpu, const char* file) {
    enum { dsu_cycles = 0x11, at_working_folder = -100, write_only = 1 };
    struct attributes wanted = {
        .type = (uint32_t)type, .size = sizeof wanted, .config = dsu_cycles};
    const long event = call(sys_perf_event_open, (long)&wanted, -1, (long)cpu, -1, 0, 0);
    if (event < 0) {
        put("perf: no event of the cluster\n");
        return 1;
    }
    u64 counts[3];
    counts[0] = read_count(event);
    if (file != 0 && file[0] == '/') {
        const long online = call(sys_openat, at_working_folder, (long)file, write_only, 0, 0, 0);
        if (call(sys_write, online, (long)"0", 1, 0, 0, 0) != 1) {
            put("perf: the CPU stays\n");
            return 1;
        }
    }
    counts[1] = read_count(event);
    do {
        spin(2000000);
        counts[2] = read_count(event);
    } while (file != 0 && file[0] != '/');
    const int counts_on = counts[2] > counts[1] && counts[1] >= counts[0];
    put(counts_on ? "perf: the cluster counts" : "perf: the cluster counts nothing");
    for (int i = 0; i < 3; i++) {
        put_count(counts[i]);
    }
    put("\n");
    return counts_on ? 0 : 1;
}

__attribute__((used)) static void run(long* stack) {
    const long words = stack[0];
    const char* const* word = (const char* const*)&stack[1];
    if (words > 3) {
        const char* file = words > 4 ? word[4] : 0;
        call(sys_exit, count_cluster(number_in(word[2]), number_in(word[3]), file), 0, 0, 0, 0, 0);
    }
    const int forever = words > 1;
    int wrong = 0;
    for (long cpu = 0; cpu < 64; cpu++) {
        u64 mask = (u64)1 << cpu;
        if (call(sys_sched_setaffinity, 0, sizeof mask, (long)&mask, 0, 0, 0) < 0) {
            break; // no more CPUs
        }
        const long signal_of_child = 17;
        if (!forever || call(sys_clone, signal_of_child, 0, 0, 0, 0, 0) == 0) {
            wrong |= count_on(cpu, forever);
        }
    }
    call(sys_exit, wrong, 0, 0, 0, 0, 0);
}

__attribute__((naked)) void _start(void) { __asm__("mov x0, sp\n b run"); }
