// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * Stages an image, for this VM or for another. One load at a time; it belongs to the open file that
 * began it.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include "internal.h"

#include <linux/io.h>
#include <linux/minmax.h>
#include <linux/mutex.h>
#include <linux/printk.h>
#include <linux/random.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>

/*
 * What Baton is shown at once. The page allocator finds this much even in fragmented memory, and
 * Baton is done with it soon enough that nobody on this CPU waits long.
 */
#define CHUNK SZ_32K
static_assert(CHUNK <= BATON_MAX_CHUNK);

static DEFINE_MUTEX(lock);
static struct file *loader; /* whose load is in progress, or NULL */
static u64 load_id;

/* A load that Baton has ended by itself, or that somebody dropped behind our back. */
static bool is_over(const struct baton_answer *answer)
{
	return answer->status == BATON_STALE || answer->status == BATON_BAD_DIGEST ||
	       answer->status == BATON_NO_MEMORY;
}

static int take_lock(void)
{
	return mutex_lock_killable(&lock);
}

/* Takes the lock for the file whose load is in progress. */
static int take_lock_as_loader(struct file *file, struct baton_answer *answer)
{
	int error = take_lock();

	if (error)
		return error;
	if (loader == file)
		return 0;
	mutex_unlock(&lock);
	answer->refusal = BATON_NOT_LOADING;
	return -EBADFD;
}

/* Ends the file's own load, if it has one. */
static int drop_own_load(struct file *file, struct baton_answer *answer)
{
	int error;

	if (!loader)
		return 0;
	if (loader != file) {
		answer->refusal = BATON_LOAD_ELSEWHERE;
		return -EBUSY;
	}
	error = baton_call(answer, BATON_LOAD_DROP, load_id, 0, 0, 0, 0);
	if (error && answer->status != BATON_STALE)
		return error;
	loader = NULL;
	return 0;
}

static int begin_locked(struct file *file, struct baton_answer *answer,
			const struct baton_load *load)
{
	int error = drop_own_load(file, answer);

	if (error)
		return error;
	error = baton_call(answer, BATON_LOAD_BEGIN, virt_to_phys(load), sizeof(*load), 0, 0, 0);
	if (error)
		return error;
	loader = file;
	load_id = answer->value[0];
	return 0;
}

int baton_begin(struct file *file, struct baton_ioctl_begin *request)
{
	struct baton_load *load;
	int error = baton_may_load(&request->answer);

	if (error)
		return error;
	/* The request may be on the stack, whose pages need not lie side by side. */
	load = kmemdup(&request->load, sizeof(request->load), GFP_KERNEL);
	if (!load)
		return -ENOMEM;
	error = take_lock();
	if (!error) {
		error = begin_locked(file, &request->answer, load);
		mutex_unlock(&lock);
	}
	kfree(load);
	return error;
}

static int copy_chunk(struct file *file, struct baton_ioctl_copy *request, u64 done, void *chunk)
{
	struct baton_answer *answer = &request->answer;
	const size_t size = min_t(u64, request->size - done, CHUNK);
	int error;

	if (copy_from_user(chunk, u64_to_user_ptr(request->address + done), size))
		return -EFAULT;
	error = take_lock_as_loader(file, answer);
	if (error)
		return error;
	error = baton_call(answer, BATON_LOAD_COPY, load_id, request->piece, request->offset + done,
			   virt_to_phys(chunk), size);
	if (is_over(answer))
		loader = NULL;
	mutex_unlock(&lock);
	return error;
}

int baton_copy(struct file *file, struct baton_ioctl_copy *request)
{
	void *chunk = kmalloc(CHUNK, GFP_KERNEL);
	u64 done = 0;
	int error;

	if (!chunk)
		return -ENOMEM;
	do {
		error = copy_chunk(file, request, done, chunk);
		done += CHUNK;
		cond_resched();
		if (!error && fatal_signal_pending(current))
			error = -EINTR;
	} while (!error && done < request->size);
	kfree(chunk);
	return error;
}

static int seal_locked(struct baton_answer *answer, const struct baton_seal *seal)
{
	int error;

	do {
		error = baton_call(answer, BATON_LOAD_SEAL, load_id, virt_to_phys(seal),
				   sizeof(*seal), 0, 0);
		cond_resched();
		if (!error && answer->status == BATON_MORE && fatal_signal_pending(current))
			error = -EINTR;
	} while (!error && answer->status == BATON_MORE);
	if (!error || is_over(answer))
		loader = NULL;
	return error;
}

int baton_seal(struct file *file, struct baton_ioctl_seal *request)
{
	struct baton_seal *seal;
	int error = wait_for_random_bytes();

	if (error)
		return error;
	seal = kzalloc(sizeof(*seal), GFP_KERNEL);
	if (!seal)
		return -ENOMEM;
	memcpy(seal->digest, request->digest, sizeof(seal->digest));
	seal->flags = BATON_SEAL_ENTROPY;
	get_random_bytes(seal->entropy, sizeof(seal->entropy));
	error = take_lock_as_loader(file, &request->answer);
	if (!error) {
		error = seal_locked(&request->answer, seal);
		mutex_unlock(&lock);
	}
	kfree_sensitive(seal);
	return error;
}

/* id: of what is staged, or 0 for whatever it is of this VM. */
static int drop(struct file *file, struct baton_answer *answer, u64 id)
{
	int error = baton_may_load(answer);

	if (!error)
		error = take_lock();
	if (error)
		return error;
	error = drop_own_load(file, answer);
	if (!error)
		error = baton_call(answer, BATON_LOAD_DROP, id, 0, 0, 0, 0);
	mutex_unlock(&lock);
	return error;
}

int baton_drop(struct file *file, struct baton_ioctl_drop *request)
{
	return drop(file, &request->answer, 0);
}

int baton_drop_id(struct file *file, struct baton_ioctl_drop_id *request)
{
	return request->id ? drop(file, &request->answer, request->id) : -EINVAL;
}

void baton_abandon(struct file *file)
{
	struct baton_answer answer;

	mutex_lock(&lock);
	if (loader == file) {
		baton_call(&answer, BATON_LOAD_DROP, load_id, 0, 0, 0, 0);
		if (answer.status != BATON_OK && answer.status != BATON_STALE)
			pr_warn("an abandoned load could not be dropped (%lld)\n", answer.status);
		loader = NULL;
	}
	mutex_unlock(&lock);
}

static bool something_staged(void)
{
	struct baton_status *status = kzalloc(sizeof(*status), GFP_KERNEL);
	struct baton_answer answer;
	bool staged;

	if (!status)
		return true;
	baton_call(&answer, BATON_STATUS, virt_to_phys(status), sizeof(*status), 0, 0, 0);
	staged = status->load_state != BATON_EMPTY;
	kfree(status);
	return staged;
}

void baton_drop_all(void)
{
	const bool staged = something_staged();
	struct baton_answer answer;

	baton_call(&answer, BATON_LOAD_DROP, 0, 0, 0, 0, 0);
	if (answer.status != BATON_OK)
		pr_warn("the staged image could not be dropped (%lld)\n", answer.status);
	else if (staged)
		pr_info("dropped the staged image: a restart is a real reset again\n");
}
