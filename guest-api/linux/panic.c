// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * A kernel that panics has lost faith in the machine's state, and the restart that follows
 * (panic=SECONDS) is to be a real one: so a panic drops the staged image first. `baton.panic=fast`
 * on the kernel's command line, or the parameter of that name, keeps the image, and the restart is
 * a swap.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include "internal.h"

#include <linux/delay.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/notifier.h>
#include <linux/panic_notifier.h>
#include <linux/printk.h>
#include <linux/string.h>

static const char *const choices[] = {"reset", "fast"};
static int choice;

static int set_choice(const char *text, const struct kernel_param *parameter)
{
	const int found = sysfs_match_string(choices, text);

	if (found < 0) {
		pr_err("panic=%s is neither of reset and fast\n", text);
		return found;
	}
	choice = found;
	return 0;
}

static int get_choice(char *text, const struct kernel_param *parameter)
{
	return sprintf(text, "%s\n", choices[choice]);
}

static const struct kernel_param_ops choice_ops = {.set = set_choice, .get = get_choice};
module_param_cb(panic, &choice_ops, NULL, 0644);
MODULE_PARM_DESC(
	panic,
	"what a panic's restart is: reset (of the machine; default) or fast (to the staged image)");

/*
 * BUSY means that another CPU was in the midst of a call when it was stopped. It is then in Baton,
 * which does not stop with the kernel, and will be done soon.
 */
#define TRIES 1000
#define PAUSE_US 100

static int on_panic(struct notifier_block *block, unsigned long event, void *data)
{
	struct baton_answer answer = {.status = BATON_BUSY};
	int tries;

	if (choice != 0)
		return NOTIFY_DONE;
	for (tries = 0; answer.status == BATON_BUSY && tries < TRIES; tries++) {
		if (tries)
			udelay(PAUSE_US);
		baton_call(&answer, BATON_LOAD_DROP, 0, 0, 0, 0, 0);
	}
	if (answer.status != BATON_OK)
		pr_emerg("the staged image could not be dropped (%lld): a restart starts it\n",
			 answer.status);
	return NOTIFY_DONE;
}

/* Before all others: any of them may hang, or restart by itself. */
static struct notifier_block notifier = {.notifier_call = on_panic, .priority = INT_MAX};

void baton_watch_panics(void)
{
	atomic_notifier_chain_register(&panic_notifier_list, &notifier);
}

void baton_ignore_panics(void)
{
	atomic_notifier_chain_unregister(&panic_notifier_list, &notifier);
}
