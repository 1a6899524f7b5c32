// SPDX-License-Identifier: BSD-2-Clause
// Runs on a Linux guest: spins on one CPU for some seconds with real-time priority, and prints the
// longest time in which it did not get on, in microseconds of the guest's clock.
#define _GNU_SOURCE
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static uint64_t now(void) {
    uint64_t ticks;
    __asm__ volatile("isb\n\tmrs %0, cntvct_el0" : "=r"(ticks) : : "memory");
    return ticks;
}

static uint64_t ticks_per_second(void) {
    uint64_t frequency;
    __asm__("mrs %0, cntfrq_el0" : "=r"(frequency));
    return frequency;
}

int main(int count, char** arguments) {
    if (count != 3) {
        return 2;
    }
    cpu_set_t cpus;
    CPU_ZERO(&cpus);
    CPU_SET(atoi(arguments[1]), &cpus);
    const struct sched_param priority = {.sched_priority = 1};
    if (sched_setaffinity(0, sizeof(cpus), &cpus) != 0 ||
        sched_setscheduler(0, SCHED_FIFO, &priority) != 0) {
        perror("stall");
        return 1;
    }
    const uint64_t frequency = ticks_per_second();
    const uint64_t end = now() + (uint64_t)atoi(arguments[2]) * frequency;
    uint64_t longest = 0;
    for (uint64_t last = now(); last < end;) {
        const uint64_t next = now();
        longest = next - last > longest ? next - last : longest;
        last = next;
    }
    printf("longest stall: %llu us\n", (unsigned long long)(longest * 1000000 / frequency));
    return 0;
}
