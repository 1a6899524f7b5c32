// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Who may load and exec: whoever may kexec_load. The kernel's own check, kexec_load_permitted(), is
 * not for modules, so its parts are done here one by one.
 */
#include "internal.h"

#include <linux/capability.h>
#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/mount.h>
#include <linux/security.h>

/*
 * The value of a sysctl of the kernel, whose variable is not exported to modules. It is read from a
 * procfs of our own, because the caller decides what is at /proc in its mount namespace. A kernel
 * without the sysctl (without CONFIG_KEXEC, or before Linux 6.3 for the limit) has nothing to say:
 * otherwise.
 */
static int read_sysctl(struct vfsmount *proc, const char *path, int otherwise, int *value)
{
	char text[16] = {};
	struct file *file;
	loff_t position = 0;
	ssize_t length;

	file = file_open_root_mnt(proc, path, O_RDONLY, 0);
	if (file == ERR_PTR(-ENOENT)) {
		*value = otherwise;
		return 0;
	}
	if (IS_ERR(file))
		return PTR_ERR(file);
	length = kernel_read(file, text, sizeof(text) - 1, &position);
	fput(file);
	if (length < 0)
		return length;
	return kstrtoint(strim(text), 0, value);
}

static int check_sysctls(struct baton_answer *answer)
{
	struct file_system_type *type =
		get_fs_type("proc"); /* built in: no reference to give back */
	struct vfsmount *proc;
	int disabled, limit;
	int error;

	if (!type)
		return 0;
	proc = kern_mount(type);
	if (IS_ERR(proc))
		return PTR_ERR(proc);
	error = read_sysctl(proc, "sys/kernel/kexec_load_disabled", 0, &disabled);
	if (!error)
		error = read_sysctl(proc, "sys/kernel/kexec_load_limit_reboot", -1, &limit);
	kern_unmount(proc);
	if (error)
		return error;
	if (disabled)
		answer->refusal = BATON_LOAD_DISABLED;
	/* Our loads do not lower it: only the kernel's own kexec_load does. */
	else if (limit == 0)
		answer->refusal = BATON_LOAD_LIMIT;
	return answer->refusal ? -EPERM : 0;
}

int baton_may_exec(struct baton_answer *answer)
{
	if (capable(CAP_SYS_BOOT))
		return 0;
	answer->refusal = BATON_NEEDS_CAP_SYS_BOOT;
	return -EPERM;
}

int baton_may_load(struct baton_answer *answer)
{
	int error = baton_may_exec(answer);

	if (!error)
		error = check_sysctls(answer);
	if (error)
		return error;
	error = security_kernel_load_data(LOADING_KEXEC_IMAGE, false);
	if (error) {
		answer->refusal = BATON_POLICY;
		return error;
	}
	error = security_locked_down(LOCKDOWN_KEXEC);
	if (error)
		answer->refusal = BATON_LOCKED_DOWN;
	return error;
}
