// SPDX-License-Identifier: BSD-2-Clause
// Memory that two VMs share, as a program of Linux uses it through UIO. One VM runs
// `doorbell answer`, the other `doorbell ask COUNT`: it writes a question to the memory and rings,
// the first writes the answer and rings back. A third argument is the UIO device's number, 0 unless
// said otherwise.
#include "guest-api/linux/device_abi.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

// What both look at. The memory is zero at first; a question is never 0.
struct slate {
    _Atomic uint64_t question;
    _Atomic uint64_t answer;
};

struct line {
    int uio;
    int baton;
    uint32_t region;
    struct slate* slate;
};

static void die(const char* what) {
    fprintf(stderr, "doorbell: %s: %s\n", what, strerror(errno));
    exit(1);
}

static uint64_t answer_to(uint64_t question) { return question ^ 0xfeedfacecafef00dull; }

// A property of one cell, which is big-endian.
static uint32_t region_of(const char* number) {
    char path[80];
    unsigned char cell[4];
    snprintf(path, sizeof(path), "/sys/class/uio/uio%s/device/of_node/baton,region", number);
    const int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0 || read(file, cell, sizeof(cell)) != sizeof(cell)) {
        die(path);
    }
    close(file);
    return (uint32_t)cell[0] << 24 | (uint32_t)cell[1] << 16 | (uint32_t)cell[2] << 8 | cell[3];
}

static struct line open_line(const char* number) {
    char path[80];
    struct line line = {.region = region_of(number)};
    snprintf(path, sizeof(path), "/dev/uio%s", number);
    line.uio = open(path, O_RDWR | O_CLOEXEC);
    if (line.uio < 0) {
        die(path);
    }
    line.baton = open(BATON_DEVICE, O_RDWR | O_CLOEXEC);
    if (line.baton < 0) {
        die(BATON_DEVICE);
    }
    // UIO's way to say map 0: an offset of 0 pages.
    void* memory =
        mmap(NULL, sizeof(struct slate), PROT_READ | PROT_WRITE, MAP_SHARED, line.uio, 0);
    if (memory == MAP_FAILED) {
        die("mmap");
    }
    line.slate = memory;
    return line;
}

static void ring(const struct line* line) {
    struct baton_ioctl_doorbell request = {.region = line->region};
    if (ioctl(line->baton, BATON_IOCTL_DOORBELL, &request) != 0) {
        die("the doorbell");
    }
}

// After this the next ring interrupts, and one that has come since the last ring does so at once:
// so look at the memory behind it, not before.
static void listen_again(const struct line* line) {
    const int32_t on = 1;
    if (write(line->uio, &on, sizeof(on)) != sizeof(on)) {
        die("listening");
    }
}

// 0 if nobody rings for so long.
static int wait_for_ring(const struct line* line, int milliseconds) {
    struct pollfd wanted = {.fd = line->uio, .events = POLLIN};
    int32_t rings;
    const int ready = poll(&wanted, 1, milliseconds);
    if (ready < 0 || (ready > 0 && read(line->uio, &rings, sizeof(rings)) != sizeof(rings))) {
        die("waiting");
    }
    return ready;
}

static void answer(const struct line* line) {
    uint64_t last = 0;
    puts("doorbell: listening");
    fflush(stdout);
    for (;;) {
        listen_again(line);
        const uint64_t question = atomic_load(&line->slate->question);
        if (question != last) {
            last = question;
            atomic_store(&line->slate->answer, answer_to(question));
            ring(line);
        } else {
            wait_for_ring(line, -1);
        }
    }
}

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static int ask(const struct line* line, uint64_t count) {
    const int patience = 20 * 1000;
    const uint64_t first = atomic_load(&line->slate->question) + 1;
    const double begin = seconds();
    for (uint64_t question = first; question < first + count; question++) {
        atomic_store(&line->slate->question, question);
        ring(line);
        for (;;) {
            listen_again(line);
            if (atomic_load(&line->slate->answer) == answer_to(question)) {
                break;
            }
            if (wait_for_ring(line, patience) == 0) {
                fprintf(stderr, "doorbell: question %llu of %llu has no answer\n",
                        (unsigned long long)(question - first + 1), (unsigned long long)count);
                return 1;
            }
        }
    }
    printf("doorbell: %llu questions answered, each in %.1f us\n", (unsigned long long)count,
           (seconds() - begin) / (double)count * 1e6);
    return 0;
}

int main(int count, char** arguments) {
    if (count >= 2 && count <= 3 && strcmp(arguments[1], "answer") == 0) {
        const struct line line = open_line(count == 3 ? arguments[2] : "0");
        answer(&line);
    }
    if (count >= 3 && count <= 4 && strcmp(arguments[1], "ask") == 0) {
        const struct line line = open_line(count == 4 ? arguments[3] : "0");
        return ask(&line, strtoull(arguments[2], NULL, 10));
    }
    fputs("doorbell answer [UIO] | doorbell ask COUNT [UIO]\n", stderr);
    return 2;
}
