# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# Messages of the set-up scripts. All go to stderr: stdout belongs to the guest's console.

say() { printf 'setup: %s\n' "$*" >&2; }

die() {
    printf 'setup: error: %s\n' "$*" >&2
    exit 1
}
