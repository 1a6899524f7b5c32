#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Makes this machine (Debian 12, amd64, root or sudo) ready to build, run and test Baton: installs the Debian packages
# that are missing, and fetches arm64 kernels, busybox, kexec, libraries and libfdt into a cache. What is there already
# is left alone, so that a second run takes a fraction of a second. With names: fetches only those of fetch_later.sh.
set -euo pipefail
shopt -s inherit_errexit

lib=$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")
. "$lib/say.sh"
. "$lib/packages.sh"
. "$lib/fetch.sh"
. "$lib/fetch_later.sh"

main() { # names…
    mkdir -p "$cache"
    exec 9>"$cache/setup.lock"
    if ! flock -w 3 9; then
        say "another set-up is at work: waiting for it"
        flock -w 1800 9 || die "another set-up has held $cache/setup.lock for 30 minutes. Is it stuck?"
    fi
    # What an interrupted set-up left behind; nobody else is at work now.
    rm -rf -- "$debian"/*.part-* "$libfdt_sources".part-* "$arm64_libraries".part-*
    if [ $# != 0 ]; then
        fetch_later "$@"
        return
    fi
    install_packages
    fetch_libfdt
    fetch_busybox
    fetch_kexec
    fetch_libraries
    fetch_kernels
    fetch_headers
}

main "$@"
