// SPDX-License-Identifier: BSD-2-Clause
//
// Restarts Linux at a moment that it tells before, on the counter that the next kernel's stamp is
// read from: `restart kexec` as `kexec -e`, `restart reboot` as `reboot -f` and `batonctl exec`,
// `restart hypercall` as `batonctl exec --now`. It says so through the kernel's log, whose clock
// can then be told from the counter.
#define _GNU_SOURCE
#include "guest-api/linux/device_abi.h"

#include <fcntl.h>
#include <inttypes.h>
#include <linux/reboot.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/reboot.h>
#include <unistd.h>

// Long enough for the line to be on the console, and for what the last commands left to do.
enum { DELAY_MS = 1000, SPIN_MS = 5, LATE_MS = 1 };

static uint64_t counter(void) {
    uint64_t value;
    __asm__ volatile("isb\n mrs %0, cntvct_el0" : "=r"(value)::"memory");
    return value;
}

static uint64_t frequency(void) {
    uint64_t value;
    __asm__("mrs %0, cntfrq_el0" : "=r"(value));
    return value;
}

/// Sleeping may end late, so the last of it is not slept.
static void wait_until(uint64_t start) {
    usleep((DELAY_MS - SPIN_MS) * 1000);
    while (counter() < start) {
    }
}

/// @returns when the restart will be
static uint64_t announce(void) {
    const uint64_t now = counter();
    const uint64_t start = now + frequency() / 1000 * DELAY_MS;
    char line[128];
    // Level 2: on the console even when that shows errors alone.
    const int size = snprintf(
        line, sizeof line, "<2>restart: now %" PRIu64 ", at %" PRIu64 " of %" PRIu64 " a second\n",
        now, start, frequency());
    const int log = open("/dev/kmsg", O_WRONLY);
    if (write(log, line, (size_t)size) != size) {
        perror("/dev/kmsg");
        exit(1);
    }
    return start;
}

static int restart(const char* how, int baton) {
    if (strcmp(how, "kexec") == 0) {
        return reboot(LINUX_REBOOT_CMD_KEXEC);
    }
    if (strcmp(how, "reboot") == 0) {
        return reboot(RB_AUTOBOOT);
    }
    struct baton_ioctl_exec request = {0};
    return ioctl(baton, BATON_IOCTL_EXEC, &request);
}

int main(int count, char** words) {
    const char* how = count == 2 ? words[1] : "";
    const int baton = strcmp(how, "hypercall") == 0 ? open(BATON_DEVICE, O_RDWR) : -1;
    if (strcmp(how, "kexec") != 0 && strcmp(how, "reboot") != 0 && baton < 0) {
        fputs("restart kexec|reboot|hypercall; hypercall needs /dev/baton\n", stderr);
        return 2;
    }
    sync();
    // Who was not running at that moment would add to what is measured, and tries again.
    uint64_t start;
    do {
        start = announce();
        wait_until(start);
    } while (counter() - start > frequency() / 1000 * LATE_MS);
    restart(how, baton);
    perror("restart");
    return 1;
}
