#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Runs a libFuzzer target for a few seconds: tests/fuzz/run.sh TARGET SECONDS SEED...
# Finds and the corpus go to a directory of its own that is removed, unless something was found.
set -euo pipefail

target=$1
seconds=$2
shift 2

work=$(mktemp -d)
mkdir "$work/corpus"
cp -- "$@" "$work/corpus/"
if ! "$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 -max_len=16384 \
    -artifact_prefix="$work/" -print_final_stats=1 "$work/corpus" >"$work/log" 2>&1; then
    tail -n 40 "$work/log"
    echo "the input that did it is in $work"
    exit 1
fi
grep -E 'executed_units|DONE' "$work/log"
rm -rf -- "$work"
