# SPDX-License-Identifier: BSD-2-Clause
"""The figure of tools/test coverage."""

import tempfile
import unittest
from pathlib import Path

import coverage
from testing import TestFailure

A, B = coverage.FOLDER / "a" / "x.cpp", coverage.FOLDER / "b" / "y.hpp"

LCOV = f"""\
SF:{A}
FN:1,f
DA:1,1
DA:2,0
DA:3,12
LF:3
end_of_record
SF:/usr/include/other.h
DA:1,0
end_of_record
SF:{A}
DA:2,4
DA:3,0
DA:4,0
end_of_record
"""


class Figure(unittest.TestCase):
    def test_a_line_that_any_program_runs_counts(self):
        self.assertEqual(coverage.read_lcov(LCOV)[A], {1: 1, 2: 4, 3: 12, 4: 0})

    def test_files_elsewhere_do_not_count(self):
        self.assertEqual(list(coverage.with_unseen(coverage.read_lcov(LCOV), [A])), [A])

    def test_percent_of_all_lines(self):
        self.assertEqual(coverage.percent([{1: 1, 2: 0}, {1: 0, 5: 7}]), 50)

    def test_no_lines_are_no_figure(self):
        with self.assertRaises(TestFailure):
            coverage.percent([])

    def test_table(self):
        self.assertEqual(coverage.table({A: {1: 1, 2: 0}, B: {1: 3}}),
                         ["hyp/a            50.0 %      1 of 2 lines",
                          "hyp/b           100.0 %      1 of 1 lines",
                          "all of it        66.7 %      2 of 3 lines"])

    def test_the_worst_files(self):
        self.assertEqual(coverage.worst({A: {1: 0}, B: {1: 0, 2: 0}, coverage.FOLDER / "c.cpp": {1: 1}}),
                         ["hyp/b/y.hpp (2)", "hyp/a/x.cpp (1)"])

    def test_ranges(self):
        self.assertEqual(coverage.ranges([7, 1, 2, 3]), "1-3, 7")


class Unseen(unittest.TestCase):
    def lines(self, text: str) -> list[int]:
        with tempfile.NamedTemporaryFile("w", suffix=".hpp") as file:
            file.write(text)
            file.flush()
            return list(coverage.unseen(Path(file.name)))

    def test_what_has_a_function_is_code_but_for_comments(self):
        self.assertEqual(self.lines("// one\n\nint f() {\n    return 1; // two\n}\n"), [3, 4, 5])
        self.assertEqual(self.lines("struct A {\n    int f() const { return 1; }\n};"), [1, 2, 3])
        self.assertEqual(self.lines("A::A(int b) : b_{b} {}"), [1])
        self.assertEqual(self.lines("auto f() -> int {"), [1])

    def test_declarations_are_none(self):
        self.assertEqual(self.lines("int f();\nstruct alignas(128) A {\n    int b = 0;\n};\n"), [])
        self.assertEqual(self.lines("concept C = requires(T t) {\n    t.f();\n};\n"), [])
        self.assertEqual(self.lines("// f() { return 1; }\n"), [])
        self.assertEqual(self.lines("enum class E { a, b };\n"), [])


if __name__ == "__main__":
    unittest.main()
