/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What /dev/baton takes: one ioctl for each thing that Baton's ABI (baton.h) does. batonctl is its
 * user.
 *
 * A load, be it for this VM or for another, belongs to the open file that began it. Closing the
 * file before the load is sealed drops it, so a loader that is killed leaves nothing behind. User
 * memory is never shown to Baton: the module copies it first.
 *
 * An ioctl that returns 0 has done what its name says. If it fails, struct baton_answer says who
 * refused: Baton
 * (`status`, with its values), the kernel (`refusal`), or, if both are 0, something usual that
 * errno names.
 */
#ifndef BATON_DEVICE_ABI_H
#define BATON_DEVICE_ABI_H

#include "../baton.h"

#include <linux/ioctl.h>

#define BATON_DEVICE "/dev/baton"

enum baton_refusal {
	BATON_NOT_REFUSED = 0,
	BATON_NEEDS_CAP_SYS_BOOT = 1, /* EPERM: the caller has not this capability */
	BATON_LOAD_DISABLED = 2,      /* EPERM: the sysctl kernel.kexec_load_disabled is 1 */
	BATON_LOAD_LIMIT = 3,	      /* EPERM: the sysctl kernel.kexec_load_limit_reboot is 0 */
	BATON_LOCKED_DOWN = 4,	  /* EPERM: by the lockdown LSM, which allows no unsigned kernel */
	BATON_POLICY = 5,	  /* EACCES or another: a security module objects to kexec_load */
	BATON_LOAD_ELSEWHERE = 6, /* EBUSY: another open file has a load in progress */
	BATON_NOT_LOADING = 7	  /* EBADFD: this open file has no load in progress */
};

struct baton_answer {
	long long status;   /* X0: one of enum baton_error, or BATON_OK */
	baton_u64 value[3]; /* X1 to X3 */
	baton_u32 refusal;  /* enum baton_refusal */
	baton_u32 reserved;
};
BATON_ASSERT_SIZE(struct baton_answer, 40);

struct baton_ioctl_begin {
	struct baton_answer answer; /* value[0]: the load's id */
	struct baton_load load;
};
BATON_ASSERT_SIZE(struct baton_ioctl_begin, 312);

struct baton_ioctl_copy {
	struct baton_answer answer;
	baton_u32 piece;
	baton_u32 reserved;
	baton_u64 offset;
	baton_u64 address; /* of the data in the caller's memory */
	baton_u64 size;	   /* any: the module makes chunks of it */
};
BATON_ASSERT_SIZE(struct baton_ioctl_copy, 72);

struct baton_ioctl_seal {
	struct baton_answer answer;
	baton_u8 digest[32]; /* SHA-256 of all pieces; the module adds the entropy */
};
BATON_ASSERT_SIZE(struct baton_ioctl_seal, 72);

struct baton_ioctl_drop {
	struct baton_answer answer;
};

struct baton_ioctl_exec {
	struct baton_answer answer;
	baton_u64 id; /* of the staged image, or 0 for whichever it is of this VM */
};
BATON_ASSERT_SIZE(struct baton_ioctl_exec, 48);

struct baton_ioctl_drop_id {
	struct baton_answer answer;
	baton_u64 id; /* of the staged image; not 0 */
};
BATON_ASSERT_SIZE(struct baton_ioctl_drop_id, 48);

struct baton_ioctl_power {
	struct baton_answer answer;
	baton_u32 vm;	     /* the VM's number */
	baton_u32 operation; /* enum baton_vm_operation */
};
BATON_ASSERT_SIZE(struct baton_ioctl_power, 48);

struct baton_ioctl_doorbell {
	struct baton_answer answer;
	baton_u32 region; /* baton,region of the shared memory's node */
	baton_u32 reserved;
};
BATON_ASSERT_SIZE(struct baton_ioctl_doorbell, 48);

/* Status, trace and log; status and trace are the structs of baton.h. */
struct baton_ioctl_read {
	struct baton_answer
		answer;	    /* value[0]: bytes written; log: value[1]: position of the first */
	baton_u64 argument; /* the CPU's or the VM's number, or the position in the log; else 0 */
	baton_u64 address;
	baton_u64 room; /* bytes there */
};
BATON_ASSERT_SIZE(struct baton_ioctl_read, 64);

/*
 * These need CAP_SYS_BOOT, and all but BATON_IOCTL_EXEC and BATON_IOCTL_POWER what kexec_load
 * needs.
 */
#define BATON_IOCTL_BEGIN _IOWR('B', 1, struct baton_ioctl_begin)
#define BATON_IOCTL_COPY _IOWR('B', 2, struct baton_ioctl_copy)
#define BATON_IOCTL_SEAL _IOWR('B', 3, struct baton_ioctl_seal)
/* This VM's staged image, or this file's own load. */
#define BATON_IOCTL_DROP _IOWR('B', 4, struct baton_ioctl_drop)
/*
 * At once: nothing is synced, no device is shut down. Does not return when it succeeds; for another
 * VM's image it returns when that VM has been told.
 */
#define BATON_IOCTL_EXEC _IOWR('B', 5, struct baton_ioctl_exec)
/* Another VM. It has been told when this returns. */
#define BATON_IOCTL_POWER _IOWR('B', 11, struct baton_ioctl_power)
/* An image that was staged for another VM. */
#define BATON_IOCTL_DROP_ID _IOWR('B', 13, struct baton_ioctl_drop_id)

/* These need nothing but the open file. */
#define BATON_IOCTL_STATUS _IOWR('B', 6, struct baton_ioctl_read)
#define BATON_IOCTL_TRACE _IOWR('B', 7, struct baton_ioctl_read)
#define BATON_IOCTL_TRACE_CPU _IOWR('B', 8, struct baton_ioctl_read)
#define BATON_IOCTL_LOG _IOWR('B', 9, struct baton_ioctl_read)
#define BATON_IOCTL_VM_STATUS _IOWR('B', 10, struct baton_ioctl_read)
#define BATON_IOCTL_DOORBELL _IOWR('B', 12, struct baton_ioctl_doorbell)

#endif
