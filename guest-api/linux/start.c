// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Starts what is staged, starts and stops other VMs, and rings them. */
#include "internal.h"

int baton_exec(struct file *file, struct baton_ioctl_exec *request)
{
	int error = baton_may_exec(&request->answer);

	return error ?: baton_call(&request->answer, BATON_EXEC, 0, request->id, 0, 0, 0);
}

int baton_power(struct file *file, struct baton_ioctl_power *request)
{
	int error = baton_may_exec(&request->answer);

	return error
		       ?: baton_call(&request->answer, BATON_VM_POWER, request->vm,
				     request->operation, 0, 0, 0);
}

int baton_doorbell(struct file *file, struct baton_ioctl_doorbell *request)
{
	return baton_call(&request->answer, BATON_DOORBELL, request->region, 0, 0, 0, 0);
}
