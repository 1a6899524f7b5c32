# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# Sourced by the tools: makes the machine ready, then runs the Python part. Help needs no machine made ready.
# shellcheck disable=SC2154  # lib is set by the tool

part=$1
shift
python=/usr/bin/python3
if ! [[ " $* " =~ \ (-h|--help)\  && -x $python ]]; then
    "$lib/setup.sh"
fi
exec "$python" -B "$lib/$part.py" "$@"
