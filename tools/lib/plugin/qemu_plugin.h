/* SPDX-License-Identifier: BSD-2-Clause */
/* What is used of QEMU's plugin API, version 4; Debian ships no header. Included by one file of
 * each plugin. */
#ifndef BATON_QEMU_PLUGIN_H
#define BATON_QEMU_PLUGIN_H

#include <stddef.h>
#include <stdint.h>

struct qemu_plugin_scoreboard;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
typedef uint64_t plugin_id;
typedef struct {
    struct qemu_plugin_scoreboard* score;
    size_t offset;
} plugin_u64;
enum { ADD_U64 = 0 };
enum { NO_REGISTERS = 0, READS_REGISTERS = 1 };
enum { NOT_EQUAL = 3 };
typedef void (*vcpu_callback)(unsigned vcpu, void* data);
struct qemu_plugin_scoreboard* qemu_plugin_scoreboard_new(size_t size);
uint64_t qemu_plugin_u64_get(plugin_u64 entry, unsigned vcpu);
void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id id,
                                           void (*callback)(plugin_id, struct qemu_plugin_tb*));
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb* tb);
struct qemu_plugin_insn* qemu_plugin_tb_get_insn(const struct qemu_plugin_tb* tb, size_t index);
size_t qemu_plugin_insn_data(const struct qemu_plugin_insn* insn, void* to, size_t size);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn* insn, vcpu_callback callback,
                                            int registers, void* data);
void qemu_plugin_register_vcpu_insn_exec_inline_per_vcpu(struct qemu_plugin_insn* insn,
                                                         int operation, plugin_u64 entry,
                                                         uint64_t operand);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn* insn);
uint64_t qemu_plugin_u64_sum(plugin_u64 entry);
void qemu_plugin_register_atexit_cb(plugin_id id, void (*callback)(plugin_id, void*), void* data);
void qemu_plugin_register_vcpu_init_cb(plugin_id id, void (*callback)(plugin_id, unsigned vcpu));
void* qemu_plugin_scoreboard_find(struct qemu_plugin_scoreboard* score, unsigned vcpu);
/* Calls when the vCPU's entry compares so with the operand. */
void qemu_plugin_register_vcpu_tb_exec_cond_cb(struct qemu_plugin_tb* tb, vcpu_callback callback,
                                               int registers, int comparison, plugin_u64 entry,
                                               uint64_t operand, void* data);

/* GLib's GArray of register descriptors, and its GByteArray. */
struct garray {
    struct {
        void* handle;
        const char* name;
        const char* feature;
    }* data;
    unsigned length;
};
struct gbytes {
    uint8_t* data;
    unsigned length;
};
const struct garray* qemu_plugin_get_registers(void);
/* Returns the register's size in bytes. */
int qemu_plugin_read_register(void* handle, struct gbytes* to);
struct gbytes* g_byte_array_new(void);
void g_byte_array_unref(struct gbytes* array);

#define EXPORT __attribute__((visibility("default")))
EXPORT int qemu_plugin_version = 4;

#endif
