#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Fetches the DTBs of Debian's newest arm64 kernel into the cache that setup.sh has made, and prints where they are.
set -euo pipefail
shopt -s inherit_errexit

lib=$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")
. "$lib/say.sh"
. "$lib/packages.sh"
. "$lib/fetch.sh"

mkdir -p "$cache"
exec 9>"$cache/setup.lock"
flock -w 1800 9 || die "another set-up has held $cache/setup.lock for 30 minutes. Is it stuck?"
fetch_dtbs
printf '%s\n' "$debian/dtbs"
