// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* /dev/baton: what is behind each ioctl is in load.c, start.c and read.c. */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include "internal.h"

#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/string.h>
#include <linux/uaccess.h>

union baton_request {
	struct baton_answer answer; /* every request begins with it */
	struct baton_ioctl_begin begin;
	struct baton_ioctl_copy copy;
	struct baton_ioctl_seal seal;
	struct baton_ioctl_drop drop;
	struct baton_ioctl_exec exec;
	struct baton_ioctl_drop_id drop_id;
	struct baton_ioctl_power power;
	struct baton_ioctl_doorbell doorbell;
	struct baton_ioctl_read read;
};

static int handle(struct file *file, unsigned int command, union baton_request *request)
{
	switch (command) {
	case BATON_IOCTL_BEGIN:
		return baton_begin(file, &request->begin);
	case BATON_IOCTL_COPY:
		return baton_copy(file, &request->copy);
	case BATON_IOCTL_SEAL:
		return baton_seal(file, &request->seal);
	case BATON_IOCTL_DROP:
		return baton_drop(file, &request->drop);
	case BATON_IOCTL_EXEC:
		return baton_exec(file, &request->exec);
	case BATON_IOCTL_DROP_ID:
		return baton_drop_id(file, &request->drop_id);
	case BATON_IOCTL_POWER:
		return baton_power(file, &request->power);
	case BATON_IOCTL_DOORBELL:
		return baton_doorbell(file, &request->doorbell);
	case BATON_IOCTL_STATUS:
		return baton_status(file, &request->read);
	case BATON_IOCTL_VM_STATUS:
		return baton_vm_status(file, &request->read);
	case BATON_IOCTL_TRACE:
		return baton_trace(file, &request->read);
	case BATON_IOCTL_TRACE_CPU:
		return baton_trace_cpu(file, &request->read);
	case BATON_IOCTL_LOG:
		return baton_log(file, &request->read);
	default:
		return -ENOTTY;
	}
}

static long baton_ioctl(struct file *file, unsigned int command, unsigned long argument)
{
	const size_t size = _IOC_SIZE(command);
	void __user *user = (void __user *)argument;
	union baton_request request;
	int error;

	if (_IOC_TYPE(command) != 'B' || size < sizeof(request.answer) || size > sizeof(request))
		return -ENOTTY;
	if (copy_from_user(&request, user, size))
		return -EFAULT;
	memset(&request.answer, 0, sizeof(request.answer));
	error = handle(file, command, &request);
	/* The answer alone: it says why, when there is an error. */
	if (copy_to_user(user, &request.answer, sizeof(request.answer)))
		return -EFAULT;
	return error;
}

static int baton_release(struct inode *inode, struct file *file)
{
	baton_abandon(file);
	return 0;
}

static const struct file_operations operations = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = baton_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.release = baton_release,
	.llseek = noop_llseek,
};

/* Mode 0600, root's, is what devtmpfs makes of it by itself. */
static struct miscdevice device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = KBUILD_MODNAME,
	.fops = &operations,
};

static int __init baton_init(void)
{
	int error = baton_find();

	if (!error)
		error = misc_register(&device);
	if (!error)
		baton_watch_panics();
	return error;
}

/* Without the module a panic would start what is staged. */
static void __exit baton_exit(void)
{
	misc_deregister(&device);
	baton_drop_all();
	baton_ignore_panics();
}

module_init(baton_init);
module_exit(baton_exit);

MODULE_DESCRIPTION("Stages the next kernel in Baton, the hypervisor below, and starts it");
MODULE_LICENSE("Dual BSD/GPL");
