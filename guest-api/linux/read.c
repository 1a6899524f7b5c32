// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* Reads Baton's status, trace and log. */
#include "internal.h"

#include <linux/io.h>
#include <linux/minmax.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

/* More than any of the structs; a longer log is read by several calls. */
#define ROOM ((size_t)PAGE_SIZE)

/* Baton writes to memory of ours, never to the caller's: its pages may move. */
static int answer_caller(struct baton_ioctl_read *request, const void *data, int error)
{
	const u64 bytes = request->answer.value[0];

	if (error)
		return error;
	if (bytes > min_t(u64, request->room, ROOM))
		return -EIO;
	return copy_to_user(u64_to_user_ptr(request->address), data, bytes) ? -EFAULT : 0;
}

static int read_struct(u32 function, struct baton_ioctl_read *request)
{
	void *data = kzalloc(ROOM, GFP_KERNEL);
	int error;

	if (!data)
		return -ENOMEM;
	error = baton_call(&request->answer, function, virt_to_phys(data),
			   min_t(u64, request->room, ROOM), 0, 0, 0);
	error = answer_caller(request, data, error);
	kfree(data);
	return error;
}

/* The calls that take a number before address and size. */
static int read_numbered(u32 function, struct baton_ioctl_read *request)
{
	void *data = kzalloc(ROOM, GFP_KERNEL);
	int error;

	if (!data)
		return -ENOMEM;
	error = baton_call(&request->answer, function, request->argument, virt_to_phys(data),
			   min_t(u64, request->room, ROOM), 0, 0);
	error = answer_caller(request, data, error);
	kfree(data);
	return error;
}

int baton_status(struct file *file, struct baton_ioctl_read *request)
{
	return read_struct(BATON_STATUS, request);
}

int baton_vm_status(struct file *file, struct baton_ioctl_read *request)
{
	return read_numbered(BATON_VM_STATUS, request);
}

int baton_trace(struct file *file, struct baton_ioctl_read *request)
{
	return read_struct(BATON_TRACE, request);
}

int baton_trace_cpu(struct file *file, struct baton_ioctl_read *request)
{
	return read_numbered(BATON_TRACE_CPU, request);
}

int baton_log(struct file *file, struct baton_ioctl_read *request)
{
	return read_numbered(BATON_LOG, request);
}
