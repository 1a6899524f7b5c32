// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Baton's calls, by the conduit that PSCI uses. */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include "internal.h"

#include <linux/arm-smccc.h>
#include <linux/errno.h>
#include <linux/printk.h>

static void call(u32 function, u64 x1, u64 x2, u64 x3, u64 x4, u64 x5, struct arm_smccc_res *result)
{
	/* Not arm_smccc_1_1_invoke: with SVE it calls a function of the kernel that modules cannot.
	 */
	if (arm_smccc_1_1_get_conduit() == SMCCC_CONDUIT_HVC)
		arm_smccc_hvc(function, x1, x2, x3, x4, x5, 0, 0, result);
	else
		arm_smccc_smc(function, x1, x2, x3, x4, x5, 0, 0, result);
}

static int error_number(s64 status)
{
	switch (status) {
	case BATON_OK:
	case BATON_MORE:
		return 0;
	case BATON_NOT_SUPPORTED:
	case BATON_TRUSTED_OS:
		return -EOPNOTSUPP;
	case BATON_NOT_ALLOWED:
		return -EACCES;
	case BATON_BUSY:
		return -EBUSY;
	case BATON_STALE:
		return -ESTALE;
	case BATON_BAD_MAGIC:
	case BATON_BAD_HEADER:
		return -ENOEXEC;
	case BATON_TOO_BIG:
		return -EFBIG;
	case BATON_BAD_DIGEST:
		return -EBADMSG;
	case BATON_NOT_SEALED:
		return -ENOENT;
	case BATON_NO_MEMORY:
		return -ENOMEM;
	default:
		return -EINVAL;
	}
}

int baton_call(struct baton_answer *answer, u32 function, u64 x1, u64 x2, u64 x3, u64 x4, u64 x5)
{
	struct arm_smccc_res result;

	call(function, x1, x2, x3, x4, x5, &result);
	answer->status = (s64)result.a0;
	answer->value[0] = result.a1;
	answer->value[1] = result.a2;
	answer->value[2] = result.a3;
	return error_number(answer->status);
}

static bool uid_matches(void)
{
	struct arm_smccc_res uid;

	call(BATON_CALL_UID, 0, 0, 0, 0, 0, &uid);
	return lower_32_bits(uid.a0) == BATON_UID_0 && lower_32_bits(uid.a1) == BATON_UID_1 &&
	       lower_32_bits(uid.a2) == BATON_UID_2 && lower_32_bits(uid.a3) == BATON_UID_3;
}

int baton_find(void)
{
	struct baton_answer revision;

	if (arm_smccc_1_1_get_conduit() == SMCCC_CONDUIT_NONE || !uid_matches()) {
		pr_err("this kernel does not run above Baton\n");
		return -ENODEV;
	}
	baton_call(&revision, BATON_REVISION, 0, 0, 0, 0, 0);
	if (revision.status != BATON_REVISION_MAJOR) {
		pr_err("the Baton below has revision %lld.%llu, this module is for %u: build it "
		       "from that Baton's sources\n",
		       revision.status, revision.value[0], BATON_REVISION_MAJOR);
		return -ENODEV;
	}
	pr_info("above Baton, revision %lld.%llu\n", revision.status, revision.value[0]);
	return 0;
}
