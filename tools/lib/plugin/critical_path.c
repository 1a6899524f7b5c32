/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A plugin for QEMU's TCG: the critical path of each handover, in instructions.
 *
 * Every vCPU has a Lamport clock that counts the instructions it executes. Who waits stands still:
 * what he takes in the end he takes at the sender's time, if that is later than his own. So the
 * clock of the boot CPU at the next kernel's first instruction is the longest chain of work,
 * however the emulator has scheduled its threads. The marks are those of
 * arch/arm64/mark_numbers.hpp.
 *
 * Writes a line of JSON for each handover to the file of the argument out=FILE when QEMU ends:
 *   cpu          the one that led
 *   phases       its clock at each of its phase marks
 *   steps        its clock after each of its steps
 *   end          its clock at the next kernel's first instruction
 *   awake        how many waits, on all CPUs, were over before their CPU slept: what a wake-up
 *                costs is missing there
 *   followers    how many other CPUs took an order
 *   follower_steps   the latest clock of any of them after each of its steps
 *   clocks       of the last handover: for each CPU its clock before and after each of its steps
 */
#include "arch/arm64/mark_numbers.hpp"
#include "tools/lib/plugin/qemu_plugin.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_CPUS = 512, MAX_MARKS = 64, MAX_HANDOVERS = 64 };

/* One vCPU's clock in one handover. It stands at `frozen` while the vCPU waits. */
struct clock {
    uint64_t handover; /* 0: in none yet */
    bool waiting;
    bool slept;
    uint64_t frozen;
    uint64_t base;  /* the count of instructions that the clock's 0, or the last wake-up, was at */
    uint64_t began; /* the clock at the begin of the step in hand */
    unsigned steps;
} __attribute__((aligned(128)));

struct handover {
    unsigned cpu;
    unsigned phase_count;
    uint64_t phases[MAX_MARKS];
    unsigned step_count;
    uint64_t steps[MAX_MARKS];
    uint64_t end;
    atomic_uint followers;
    atomic_uint awake;
    _Atomic uint64_t follower_steps[MAX_MARKS];
    _Atomic uint64_t command_sent;
    _Atomic uint64_t arrival_sent;
};

struct step {
    uint64_t begin, end;
};

static plugin_u64 counts;
static struct step steps_of[MAX_CPUS][MAX_MARKS]; /* of the last handover */
static struct clock clocks[MAX_CPUS];
static struct handover handovers[MAX_HANDOVERS + 1]; /* from 1 */
static _Atomic uint64_t current;
static FILE* out;

static void raise_to(_Atomic uint64_t* value, uint64_t wanted) {
    uint64_t seen = atomic_load(value);
    while (seen < wanted && !atomic_compare_exchange_weak(value, &seen, wanted)) {
    }
}

static uint64_t now(const struct clock* clock, uint64_t count) {
    return clock->frozen + count - clock->base;
}

static void start(unsigned vcpu, uint64_t count) {
    const uint64_t number = atomic_load(&current) + 1;
    if (number <= MAX_HANDOVERS) {
        handovers[number].cpu = vcpu;
        clocks[vcpu] = (struct clock){.handover = number, .base = count};
        memset(steps_of, 0, sizeof steps_of);
        atomic_store(&current, number);
    }
}

static void take(struct handover* handover, struct clock* clock, uint64_t sent) {
    if (!clock->waiting) {
        return;
    }
    /* What was sent before this CPU began to wait would not have made it sleep. */
    atomic_fetch_add(&handover->awake, clock->slept || sent <= clock->frozen ? 0 : 1);
    clock->frozen = clock->frozen > sent ? clock->frozen : sent;
    clock->waiting = false;
}

static void step_over(struct handover* handover, struct clock* clock, unsigned vcpu, uint64_t at) {
    const unsigned step = clock->steps++;
    if (step >= MAX_MARKS) {
        return;
    }
    steps_of[vcpu][step] = (struct step){clock->began, at};
    if (vcpu == handover->cpu) {
        handover->steps[step] = at;
        handover->step_count = step + 1;
    } else {
        raise_to(&handover->follower_steps[step], at);
    }
}

static void mark(unsigned vcpu, void* data) {
    const uintptr_t number = (uintptr_t)data;
    const uint64_t count = qemu_plugin_u64_get(counts, vcpu);
    if (number == MARK_START) {
        start(vcpu, count);
        return;
    }
    const uint64_t at = atomic_load(&current);
    if (at == 0 || vcpu >= MAX_CPUS) {
        return;
    }
    struct handover* const handover = &handovers[at];
    struct clock* const clock = &clocks[vcpu];
    const bool leads = vcpu == handover->cpu;
    if (leads && handover->end != 0) {
        return;
    }
    if (clock->handover != at) {
        /* Every other CPU waits for an order from the start on. */
        *clock = (struct clock){.handover = at, .waiting = true, .base = count};
    }
    switch (number) {
    case MARK_END:
        if (leads) {
            handover->end = now(clock, count);
        }
        break;
    case MARK_PHASE:
        if (leads && handover->phase_count < MAX_MARKS) {
            handover->phases[handover->phase_count++] = now(clock, count);
        }
        break;
    case MARK_STEP:
        step_over(handover, clock, vcpu, now(clock, count));
        break;
    case MARK_WAIT:
        if (!clock->waiting) {
            clock->frozen = now(clock, count);
            clock->waiting = true;
            clock->slept = false;
            clock->base = count;
        }
        break;
    case MARK_WOKEN:
        if (clock->waiting) {
            clock->base = count;
            clock->slept = true;
        }
        break;
    case MARK_COMMAND_SENT:
        raise_to(&handover->command_sent, now(clock, count));
        break;
    case MARK_COMMAND_TAKEN:
        if (clock->steps == 0) {
            atomic_fetch_add(&handover->followers, 1);
        }
        take(handover, clock, atomic_load(&handover->command_sent));
        break;
    case MARK_ARRIVAL_SENT:
        raise_to(&handover->arrival_sent, now(clock, count));
        break;
    case MARK_ARRIVAL_TAKEN:
        take(handover, clock, atomic_load(&handover->arrival_sent));
        break;
    default:
        break;
    }
    clock->began = now(clock, count);
}

static void translated(plugin_id id, struct qemu_plugin_tb* tb) {
    (void)id;
    const size_t length = qemu_plugin_tb_n_insns(tb);
    for (size_t i = 0; i < length; i++) {
        struct qemu_plugin_insn* const insn = qemu_plugin_tb_get_insn(tb, i);
        uint32_t code = 0;
        qemu_plugin_insn_data(insn, &code, sizeof code);
        qemu_plugin_register_vcpu_insn_exec_inline_per_vcpu(insn, ADD_U64, counts, 1);
        const uint32_t hint = code >> 5 & 0x7f;
        if ((code & 0xfffff01f) == 0xd503201f && hint >= MARK_START && hint <= MARK_ARRIVAL_TAKEN) {
            qemu_plugin_register_vcpu_insn_exec_cb(insn, mark, NO_REGISTERS,
                                                   (void*)(uintptr_t)hint);
        }
    }
}

static void print_list(const char* name, const uint64_t* values, unsigned count) {
    fprintf(out, ", \"%s\": [", name);
    for (unsigned i = 0; i < count; i++) {
        fprintf(out, "%s%llu", i == 0 ? "" : ", ", (unsigned long long)values[i]);
    }
    fprintf(out, "]");
}

static void print_clocks(void) {
    fprintf(out, ", \"clocks\": {");
    for (unsigned vcpu = 0, told = 0; vcpu < MAX_CPUS; vcpu++) {
        if (clocks[vcpu].handover == atomic_load(&current) && clocks[vcpu].steps != 0) {
            fprintf(out, "%s\"%u\": [", told++ == 0 ? "" : ", ", vcpu);
            for (unsigned i = 0; i < clocks[vcpu].steps && i < MAX_MARKS; i++) {
                const struct step step = steps_of[vcpu][i];
                fprintf(out, "%s[%llu, %llu]", i == 0 ? "" : ", ", (unsigned long long)step.begin,
                        (unsigned long long)step.end);
            }
            fprintf(out, "]");
        }
    }
    fprintf(out, "}");
}

static void finish(plugin_id id, void* data) {
    (void)id, (void)data;
    for (uint64_t number = 1; number <= atomic_load(&current); number++) {
        struct handover* const handover = &handovers[number];
        uint64_t latest[MAX_MARKS];
        unsigned steps = 0;
        while (steps < MAX_MARKS &&
               (latest[steps] = atomic_load(&handover->follower_steps[steps])) != 0) {
            steps++;
        }
        fprintf(out, "{\"cpu\": %u, \"end\": %llu, \"followers\": %u, \"awake\": %u", handover->cpu,
                (unsigned long long)handover->end, atomic_load(&handover->followers),
                atomic_load(&handover->awake));
        print_list("phases", handover->phases, handover->phase_count);
        print_list("steps", handover->steps, handover->step_count);
        print_list("follower_steps", latest, steps);
        if (number == atomic_load(&current)) {
            print_clocks();
        }
        fprintf(out, "}\n");
    }
    fclose(out);
}

EXPORT int qemu_plugin_install(plugin_id id, const void* info, int argc, char** argv) {
    (void)info;
    const char* const option = "out=";
    if (argc != 1 || strncmp(argv[0], option, strlen(option)) != 0 ||
        (out = fopen(argv[0] + strlen(option), "w")) == NULL) {
        fprintf(stderr,
                "critical_path: the one argument is out=FILE, a file that can be written\n");
        return 1;
    }
    counts = (plugin_u64){qemu_plugin_scoreboard_new(sizeof(uint64_t)), 0};
    qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
    qemu_plugin_register_atexit_cb(id, finish, NULL);
    return 0;
}
