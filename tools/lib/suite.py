# SPDX-License-Identifier: BSD-2-Clause
"""tools/test: runs the tests, says of each what it proves, and ends with `N passed, N failed`."""

import argparse
import importlib.util
import sys
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock

from console import ESCAPES, ConsoleError
from coverage import coverage_tests
from errors import Status, Stop, run_tool
from guest_tests import guest_tests
from paths import BUILD, ROOT
from source_tests import source_tests, unit_tests
from testing import Test, TestFailure

DESCRIPTION = """\
Runs Baton's tests: the sources' form, both builds, unit tests, the model of the handover protocol, bare-metal guests
and Debian in QEMU. Without a NAME all of them except the long soaks, which run only by name."""

LOGS = BUILD / "log"
SYSTEM = ROOT / "tests" / "system"
AT_ONCE = 2
TAIL_LINES = 25


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tools/test", description=DESCRIPTION,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="run the tests whose name contains NAME, soaks too")
    parser.add_argument("--quick", action="store_true", help="what every commit should pass: under 4 minutes")
    parser.add_argument("--list", action="store_true", help="list the tests and run none")
    return parser.parse_args()


def all_tests() -> list[Test]:
    source = source_tests()
    return source + unit_tests() + coverage_tests() + guest_tests() + system_tests()


def system_tests() -> list[Test]:
    """The TESTS of each file in tests/system."""
    tests = []
    for path in sorted(SYSTEM.glob("*.py")):
        spec = importlib.util.spec_from_file_location(f"system_{path.stem}", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        tests += getattr(module, "TESTS", [])
    return tests


def select(tests: list[Test], args: argparse.Namespace) -> list[Test]:
    for name in args.names:
        if not any(name in test.name for test in tests):
            raise Stop(f"no test's name contains '{name}'. `tools/test --list` shows them all.", Status.USAGE)
    if args.names:
        chosen = [test for test in tests if any(name in test.name for name in args.names)]
    else:
        chosen = [test for test in tests if args.list or not test.soak]
    return [test for test in chosen if test.quick] if args.quick else chosen


class Runner:
    def __init__(self):
        self._print = Lock()
        self.passed = 0
        self.failed: list[str] = []

    def run(self, tests: list[Test]) -> None:
        """In their order; neighbours that do not need the machine for themselves run at the same time."""
        with ThreadPoolExecutor(AT_ONCE) as pool:
            waiting = []
            for test in tests:
                if test.alone:
                    self._finish(waiting)
                    self._finish([pool.submit(self._one, test)])
                else:
                    waiting.append(pool.submit(self._one, test))
            self._finish(waiting)

    @staticmethod
    def _finish(waiting: list) -> None:
        for future in waiting:
            future.result()
        waiting.clear()

    def _one(self, test: Test) -> None:
        log = LOGS / (test.name.replace("/", "-") + ".log")
        log.unlink(missing_ok=True)
        start = time.monotonic()
        error = attempt(test, log)
        seconds = time.monotonic() - start
        with self._print:
            self._report(test, log, seconds, error)

    def _report(self, test: Test, log: Path, seconds: float, error: str | None) -> None:
        print(f"{'FAIL' if error else 'ok':<5}{seconds:6.1f} s  {test.name}: {test.proves}", flush=True)
        if error is None:
            self.passed += 1
            return
        self.failed.append(test.name)
        print(f"    {error}")
        if log.exists():
            print(f"    the log is {log}; its end:")
            for line in ESCAPES.sub("", log.read_text(errors="replace")).splitlines()[-TAIL_LINES:]:
                print(f"    | {line}")
        sys.stdout.flush()


def attempt(test: Test, log: Path) -> str | None:
    """None, or what went wrong."""
    try:
        test.run(log)
    except (TestFailure, ConsoleError, Stop) as error:
        return str(error)
    except Exception:
        return "the test itself broke:\n" + traceback.format_exc()
    return None


def main() -> int:
    args = parse()
    tests = select(all_tests(), args)
    if args.list:
        for test in tests:
            print(f"{test.name}{' (quick)' if test.quick else ''}{' (soak)' if test.soak else ''}: {test.proves}")
        return Status.OFF
    start = time.monotonic()
    runner = Runner()
    runner.run(tests)
    print(f"\n{time.monotonic() - start:.0f} s for {len(tests)} tests")
    for name in runner.failed:
        print(f"failed: {name}")
    print(f"{runner.passed} passed, {len(runner.failed)} failed")
    return Status.FAILED if runner.failed or not runner.passed else Status.OFF


if __name__ == "__main__":
    run_tool(main)
