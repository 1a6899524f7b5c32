/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A plugin for QEMU's TCG: what watched CPUs execute at EL2. A CPU is watched from its MARK_WATCH
 * to its MARK_UNWATCH (arch/arm64/mark_numbers.hpp). A translated block is of one exception level;
 * which one its CPU's own register tells, wherever a hypervisor has its code.
 *
 * Argument: out=FILE. Every tenth of a second, and when QEMU ends, it appends a line of JSON, by
 * vCPU:
 *   watched   times that it came to be watched
 *   el2       instructions of the blocks that it has begun at EL2 while it was watched
 *   all       and at all levels
 *   reads     times that a guest has read the counter on it while it was watched
 *   gap       the longest way from one such read to the next, in the CPU's own instructions at all
 *             levels: what a guest that only reads the counter misses, however the emulator has
 *             scheduled its threads
 */
#include "arch/arm64/mark_numbers.hpp"
#include "tools/lib/plugin/qemu_plugin.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { MAX_CPUS = 512 };

struct score {
    uint64_t watching; /* 0 or 1 */
    uint64_t watched, el2, all;
    uint64_t executed;  /* at all, watched or not */
    uint64_t last_read; /* `executed` then; 0: none since it came to be watched */
    uint64_t reads, gap;
};

static struct qemu_plugin_scoreboard* scores;
static plugin_u64 watching, watched, el2, all, executed, reads, gap;
static void* cpsr[MAX_CPUS];
static unsigned cpu_count;
static FILE* out;
static pthread_mutex_t out_lock = PTHREAD_MUTEX_INITIALIZER;

static void find_register(plugin_id id, unsigned vcpu) {
    (void)id;
    if (vcpu >= MAX_CPUS) {
        return;
    }
    const struct garray* const registers = qemu_plugin_get_registers();
    for (unsigned i = 0; i < registers->length; i++) {
        if (strcmp(registers->data[i].name, "cpsr") == 0) {
            cpsr[vcpu] = registers->data[i].handle;
        }
    }
    cpu_count = vcpu >= cpu_count ? vcpu + 1 : cpu_count;
}

static bool is_at_el2(unsigned vcpu) {
    struct gbytes* const value = g_byte_array_new();
    const bool read = qemu_plugin_read_register(cpsr[vcpu], value) == 4;
    /* PSTATE.EL is in bits 3 and 2. What cannot be read counts, so that it shows. */
    const bool yes = !read || (value->data[0] >> 2 & 3) == 2;
    g_byte_array_unref(value);
    return yes;
}

static void block(unsigned vcpu, void* data) {
    const uint64_t length = (uintptr_t)data;
    struct score* const score = qemu_plugin_scoreboard_find(scores, vcpu);
    score->all += length;
    score->el2 += is_at_el2(vcpu) ? length : 0;
}

static void mark(unsigned vcpu, void* data) {
    struct score* const score = qemu_plugin_scoreboard_find(scores, vcpu);
    score->watching = (uintptr_t)data == MARK_WATCH;
    score->watched += score->watching;
    score->last_read = 0;
}

static void counter_read(unsigned vcpu, void* data) {
    (void)data;
    struct score* const score = qemu_plugin_scoreboard_find(scores, vcpu);
    if (score->watching == 0 || is_at_el2(vcpu)) {
        return;
    }
    const uint64_t way = score->last_read != 0 ? score->executed - score->last_read : 0;
    score->gap = way > score->gap ? way : score->gap;
    score->last_read = score->executed;
    score->reads++;
}

/* MRS of CNTPCT_EL0, CNTVCT_EL0, CNTPCTSS_EL0 or CNTVCTSS_EL0 (Arm ARM D24.12). */
static bool reads_counter(uint32_t code) {
    const uint32_t any = code & 0xffffffe0;
    return any == 0xd53be020 || any == 0xd53be040 || any == 0xd53be0a0 || any == 0xd53be0c0;
}

static void translated(plugin_id id, struct qemu_plugin_tb* tb) {
    (void)id;
    const size_t length = qemu_plugin_tb_n_insns(tb);
    qemu_plugin_register_vcpu_tb_exec_cond_cb(tb, block, READS_REGISTERS, NOT_EQUAL, watching, 0,
                                              (void*)(uintptr_t)length);
    for (size_t i = 0; i < length; i++) {
        struct qemu_plugin_insn* const insn = qemu_plugin_tb_get_insn(tb, i);
        uint32_t code = 0;
        qemu_plugin_insn_data(insn, &code, sizeof code);
        qemu_plugin_register_vcpu_insn_exec_inline_per_vcpu(insn, ADD_U64, executed, 1);
        if (reads_counter(code)) {
            qemu_plugin_register_vcpu_insn_exec_cb(insn, counter_read, READS_REGISTERS, NULL);
        }
        const uint32_t hint = code >> 5 & 0x7f;
        if ((code & 0xfffff01f) == 0xd503201f && (hint == MARK_WATCH || hint == MARK_UNWATCH)) {
            qemu_plugin_register_vcpu_insn_exec_cb(insn, mark, NO_REGISTERS,
                                                   (void*)(uintptr_t)hint);
        }
    }
}

static void print_list(const char* name, plugin_u64 entry) {
    fprintf(out, "\"%s\": [", name);
    for (unsigned vcpu = 0; vcpu < cpu_count; vcpu++) {
        fprintf(out, "%s%llu", vcpu == 0 ? "" : ", ",
                (unsigned long long)qemu_plugin_u64_get(entry, vcpu));
    }
    fprintf(out, "]");
}

static void print_scores(void) {
    pthread_mutex_lock(&out_lock);
    fprintf(out, "{");
    print_list("watched", watched);
    fprintf(out, ", ");
    print_list("el2", el2);
    fprintf(out, ", ");
    print_list("all", all);
    fprintf(out, ", ");
    print_list("reads", reads);
    fprintf(out, ", ");
    print_list("gap", gap);
    fprintf(out, "}\n");
    fflush(out);
    pthread_mutex_unlock(&out_lock);
}

static void* tell(void* unused) {
    (void)unused;
    const struct timespec pause = {.tv_nsec = 100000000};
    for (;;) {
        nanosleep(&pause, NULL);
        print_scores();
    }
    return NULL;
}

static void finish(plugin_id id, void* data) {
    (void)id, (void)data;
    print_scores();
}

EXPORT int qemu_plugin_install(plugin_id id, const void* info, int argc, char** argv) {
    (void)info;
    const char* const option = "out=";
    if (argc != 1 || strncmp(argv[0], option, strlen(option)) != 0 ||
        (out = fopen(argv[0] + strlen(option), "w")) == NULL) {
        fprintf(stderr, "levels: the one argument is out=FILE, a file that can be written\n");
        return 1;
    }
    scores = qemu_plugin_scoreboard_new(sizeof(struct score));
    watching = (plugin_u64){scores, offsetof(struct score, watching)};
    watched = (plugin_u64){scores, offsetof(struct score, watched)};
    el2 = (plugin_u64){scores, offsetof(struct score, el2)};
    all = (plugin_u64){scores, offsetof(struct score, all)};
    executed = (plugin_u64){scores, offsetof(struct score, executed)};
    reads = (plugin_u64){scores, offsetof(struct score, reads)};
    gap = (plugin_u64){scores, offsetof(struct score, gap)};
    qemu_plugin_register_vcpu_init_cb(id, find_register);
    qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
    qemu_plugin_register_atexit_cb(id, finish, NULL);
    pthread_t teller;
    return pthread_create(&teller, NULL, tell, NULL);
}
