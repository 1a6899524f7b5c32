/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A plugin for QEMU's TCG: how often guests leave for the hypervisor. Counts what enters its
 * vectors for lower exception levels, and all instructions.
 *
 * Arguments: out=FILE vectors=ADDRESS. Every tenth of a second it appends a line of JSON to the
 * file: at             seconds of CLOCK_MONOTONIC synchronous    how many exceptions came so far:
 * hypercalls, trapped accesses, faults interrupts     and interrupts instructions   executed so
 * far, at all levels
 */
#include "tools/lib/plugin/qemu_plugin.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Offsets of the entries for a lower level in AArch64 state (Arm ARM D1.3.1); FIQs are none of
 * Linux's. */
enum { SYNCHRONOUS = 0x400, INTERRUPT = 0x480 };

struct counts {
    uint64_t synchronous, interrupts, instructions;
};

static plugin_u64 synchronous, interrupts, instructions;
static uint64_t vectors;
static FILE* out;

static void translated(plugin_id id, struct qemu_plugin_tb* tb) {
    (void)id;
    const size_t length = qemu_plugin_tb_n_insns(tb);
    for (size_t i = 0; i < length; i++) {
        struct qemu_plugin_insn* const insn = qemu_plugin_tb_get_insn(tb, i);
        const uint64_t entry = qemu_plugin_insn_vaddr(insn) - vectors;
        qemu_plugin_register_vcpu_insn_exec_inline_per_vcpu(insn, ADD_U64, instructions, 1);
        if (entry == SYNCHRONOUS) {
            qemu_plugin_register_vcpu_insn_exec_inline_per_vcpu(insn, ADD_U64, synchronous, 1);
        } else if (entry == INTERRUPT) {
            qemu_plugin_register_vcpu_insn_exec_inline_per_vcpu(insn, ADD_U64, interrupts, 1);
        }
    }
}

static void* tell(void* unused) {
    (void)unused;
    const struct timespec pause = {.tv_nsec = 100000000};
    for (;;) {
        struct timespec now;
        clock_gettime(CLOCK_MONOTONIC, &now);
        fprintf(out,
                "{\"at\": %lld.%09ld, \"synchronous\": %llu, \"interrupts\": %llu, "
                "\"instructions\": %llu}\n",
                (long long)now.tv_sec, now.tv_nsec,
                (unsigned long long)qemu_plugin_u64_sum(synchronous),
                (unsigned long long)qemu_plugin_u64_sum(interrupts),
                (unsigned long long)qemu_plugin_u64_sum(instructions));
        fflush(out);
        nanosleep(&pause, NULL);
    }
    return NULL;
}

EXPORT int qemu_plugin_install(plugin_id id, const void* info, int argc, char** argv) {
    (void)info;
    for (int i = 0; i < argc; i++) {
        if (strncmp(argv[i], "out=", 4) == 0) {
            out = fopen(argv[i] + 4, "w");
        } else if (strncmp(argv[i], "vectors=", 8) == 0) {
            vectors = strtoull(argv[i] + 8, NULL, 0);
        }
    }
    if (out == NULL || vectors == 0) {
        fprintf(stderr,
                "exits: the arguments are out=FILE, which can be written, and vectors=ADDRESS\n");
        return 1;
    }
    struct qemu_plugin_scoreboard* const score = qemu_plugin_scoreboard_new(sizeof(struct counts));
    synchronous = (plugin_u64){score, offsetof(struct counts, synchronous)};
    interrupts = (plugin_u64){score, offsetof(struct counts, interrupts)};
    instructions = (plugin_u64){score, offsetof(struct counts, instructions)};
    qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
    pthread_t teller;
    return pthread_create(&teller, NULL, tell, NULL);
}
