# SPDX-License-Identifier: BSD-2-Clause
"""tools/bench: measures Baton, each bench by its name; writes Markdown, JSON and pictures."""

import argparse
import sys
from pathlib import Path

import bench_footprint
import bench_linux
import bench_path
import bench_serial
import bench_size
import bench_steady
from errors import Status, Stop, run_tool
from paths import BUILD

DESCRIPTION = """\
Measures Baton in QEMU. Figures are instructions wherever that is possible: those are the same in every run and on
every machine. Without a NAME all benches run. Tables go to stdout, and with JSON and pictures to build/bench."""

OUT = BUILD / "bench"
BENCHES = {bench.name: bench for bench in (bench_linux.BENCH, bench_path.BENCH, bench_serial.BENCH, bench_size.BENCH,
                                            bench_steady.BENCH, bench_footprint.BENCH)}


def parse() -> argparse.Namespace:
    listed = "".join(f"  {bench.name:<16}{bench.measures}\n" for bench in BENCHES.values())
    parser = argparse.ArgumentParser(prog="tools/bench", description=DESCRIPTION, epilog=f"benches:\n{listed}",
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="which benches; all by default")
    parser.add_argument("--quick", action="store_true", help="fewer CPUs and sizes: under 5 minutes")
    parser.add_argument("--accept", action="store_true",
                        help="write what critical-path measures, and some of steady, to tests/bench/budget.toml, which tools/test compares with")
    return parser.parse_args()


def chosen(args: argparse.Namespace) -> list:
    unknown = [name for name in args.names if name not in BENCHES]
    if unknown:
        raise Stop(f"no bench is named '{unknown[0]}'. They are: {', '.join(BENCHES)}.", Status.USAGE)
    if args.accept:
        return [bench_path.BENCH]
    return [BENCHES[name] for name in args.names] or list(BENCHES.values())


def main() -> Status:
    args = parse()
    failed = []
    for bench in chosen(args):
        print(f"bench: {bench.name}: {bench.measures}", file=sys.stderr, flush=True)
        folder = OUT / bench.name
        folder.mkdir(parents=True, exist_ok=True)
        result = bench.run(folder, args.quick and not args.accept)
        (folder / "table.md").write_text(result.markdown())
        (folder / "table.json").write_text(result.json())
        for name, picture in result.pictures.items():
            (folder / name).write_text(picture)
        print(result.markdown(), flush=True)
        failed += result.failures
    if args.accept:
        bench_path.accept(OUT / bench_path.BENCH.name)
        return Status.OFF
    for sentence in failed:
        print(f"bench: {sentence}", file=sys.stderr)
    return Status.FAILED if failed else Status.OFF


if __name__ == "__main__":
    run_tool(main)
