# SPDX-License-Identifier: BSD-2-Clause
import unittest

from console import ConsoleError
from vm_console import BREAK, VmShell, Views


class FakeConsole:
    """Shows what it is given, piece after piece, and answers what is typed."""

    class vm:
        class process:
            @staticmethod
            def poll():
                return None

    def __init__(self, *pieces: str, answers: dict[str, str] | None = None):
        self.pieces = list(pieces)
        self.answers = answers or {}
        self.transcript = ""

    def wait_for(self, condition, timeout: float) -> bool:
        while not condition(self.transcript) and self.pieces:
            self.transcript += self.pieces.pop(0)
        return condition(self.transcript)

    def send(self, text: str) -> None:
        self.pieces += [answer for part, answer in self.answers.items() if part in text]


def views(*pieces: str) -> Views:
    console = FakeConsole(*pieces)
    found = Views(console, "host", ["a", "ab"])
    console.wait_for(lambda text: bool(found.take(text)), 0)
    return found


class ViewsTest(unittest.TestCase):
    def test_each_vm_has_its_own_lines(self):
        found = views("one\na: two\nab: th", "ree\nfour\nbaton: five\na: six\n")
        self.assertEqual(found.text("host"), f"one{BREAK}four{BREAK}")
        self.assertEqual(found.text("a"), "two\nsix\n")
        self.assertEqual(found.text("ab"), "three\n")
        self.assertEqual(found.text("baton"), "five\n")

    def test_a_prompt_is_seen_at_once_and_a_name_only_when_it_is_sure(self):
        self.assertEqual(views("x\n# ").text("host"), "x\n# ")
        for begun in ("a", "ab", "ab:", "a: x", "bato"):
            self.assertEqual(views("x\n" + begun).text("host"), "x\n")
        self.assertEqual(views("x\nabc").text("host"), "x\nabc")
        self.assertEqual(views("x\na", "pple\n").text("host"), "x\napple\n")

    def test_a_line_of_another_vm_breaks_the_connected_one_s(self):
        self.assertEqual(views("# ech", "\na: x\no 1\n").text("host"), f"# ech{BREAK}o 1\n")

    def test_expect_looks_at_one_vm_alone_and_goes_on_behind_what_it_has_found(self):
        console = FakeConsole("work: 1\n", "a: work: 2\n", "work: 3\na: work: 4\n")
        found = Views(console, "host", ["a"])
        self.assertEqual(found["a"].expect(r"^work: (\d)$", 0).group(1), "2")
        self.assertEqual(found["a"].expect(r"^work: (\d)$", 0).group(1), "4")
        self.assertEqual(found["host"].expect(r"^work: (\d)", 0).group(1), "1")
        with self.assertRaisesRegex(ConsoleError, "VM a does not show"):
            found["a"].expect("work", 0)

    def test_what_is_skipped_is_not_found(self):
        console = FakeConsole("a: work: 1\n", "a: work: 2\n")
        found = Views(console, "host", ["a"])
        found["a"].expect("1", 0)
        console.transcript += "a: work: 3\n"
        found["a"].skip()
        self.assertEqual(found["a"].expect(r"^work: (\d)$", 0).group(1), "2")

    def test_a_disaster_of_any_vm_ends_the_waiting(self):
        console = FakeConsole("a: Kernel panic - not syncing: x\n")
        with self.assertRaisesRegex(ConsoleError, "Kernel panic"):
            Views(console, "host", ["a"])["host"].expect("work", 0)


class VmShellTest(unittest.TestCase):
    def test_a_boot_is_seen_in_the_connected_vm_alone(self):
        console = FakeConsole("a: guest: Linux 6.12 on 2 CPUs\nguest: Lin", "\na: x\nux 6.1 on 1", "\na: x\n6 CPUs\n#",
                              "\nbaton: y\n ")
        shell = VmShell(Views(console, "host", ["a"])["host"])
        self.assertEqual(shell.wait(0), ("6.1", 16))

    def test_output_and_status_are_found_amid_lines_of_others(self):
        console = FakeConsole(answers={"begin1": "\nbaton: z\n<begi", "false": "\na: x\nn1>\none\na: y\ntwo\n<end1:",
                                       "end1": "\na: x\n17>\n"})
        shell = VmShell(Views(console, "host", ["a"])["host"])
        self.assertEqual(shell.call("false", 0), (17, "one\ntwo\n"))
