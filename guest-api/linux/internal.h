/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What the module's files share. */
#ifndef BATON_INTERNAL_H
#define BATON_INTERNAL_H

#include "device_abi.h"

#include <linux/fs.h>
#include <linux/types.h>

/* call.c: Baton's calls. */

/* Looks for Baton, by its UID. -ENODEV, after a message, if there is none that we know. */
int baton_find(void);
/* Puts what X0 to X3 hold after the call into the answer, and returns it as 0 or an errno. */
int baton_call(struct baton_answer *answer, u32 function, u64 x1, u64 x2, u64 x3, u64 x4, u64 x5);

/* permission.c: who may. 0 or an errno; the reason is in answer->refusal. */
int baton_may_load(struct baton_answer *answer);
int baton_may_exec(struct baton_answer *answer);

/* load.c: begin, copy, seal, drop. */
int baton_begin(struct file *file, struct baton_ioctl_begin *request);
int baton_copy(struct file *file, struct baton_ioctl_copy *request);
int baton_seal(struct file *file, struct baton_ioctl_seal *request);
int baton_drop(struct file *file, struct baton_ioctl_drop *request);
int baton_drop_id(struct file *file, struct baton_ioctl_drop_id *request);
/* The file is closed: a load of its own that is not sealed goes. */
void baton_abandon(struct file *file);
/* The module goes. */
void baton_drop_all(void);

/* start.c: exec, power, doorbell. */
int baton_exec(struct file *file, struct baton_ioctl_exec *request);
int baton_power(struct file *file, struct baton_ioctl_power *request);
int baton_doorbell(struct file *file, struct baton_ioctl_doorbell *request);

/* read.c: status, trace, log. */
int baton_status(struct file *file, struct baton_ioctl_read *request);
int baton_vm_status(struct file *file, struct baton_ioctl_read *request);
int baton_trace(struct file *file, struct baton_ioctl_read *request);
int baton_trace_cpu(struct file *file, struct baton_ioctl_read *request);
int baton_log(struct file *file, struct baton_ioctl_read *request);

/* panic.c: a panic is a real reset. */
void baton_watch_panics(void);
void baton_ignore_panics(void);

#endif
