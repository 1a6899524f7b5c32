# SPDX-License-Identifier: BSD-2-Clause
import re
import subprocess
import unittest

from paths import ROOT

TABLE = ROOT / "tests" / "guests" / "register_table.cpp"
ROW = re.compile(r'row<([^>]+)>\(\s*"(\w+)",\s*(\{[^}]*\})', re.DOTALL)
BATON = ("cpu/el1_registers.hpp", "steps/trace_registers.hpp", "gic/registers.hpp")
DECLARED = re.compile(r"struct (\w+) : SystemRegister<\w+(?:<n>)?, ([^>]+)>")
# Names of Baton's for what the table has under another one, and what a new SPSR or a new ICH_VMCR_EL2 gives.
OTHER_NAMES = {"PMEVCNTR_EL0": "PMCR_EL0", "PMEVTYPER_EL0": "PMXEVTYPER_EL0", "PMCCNTR_EL0": "PMCR_EL0",
               "PMOVSSET_EL0": "PMOVSCLR_EL0", "PMINTENSET_EL1": "PMINTENCLR_EL1", "PMCNTENSET_EL0": "PMCNTENCLR_EL0"}
BY_THE_ENTRY = {"PAN", "UAO", "ALLINT", "DIT", "SSBS", "TCO", "FPCR", "FPSR"}


def rows() -> list[tuple[list[str], str, str]]:
    return [([part.strip() for part in encoding.split(",")], name, content)
            for encoding, name, content in ROW.findall(TABLE.read_text())]


class RegisterTable(unittest.TestCase):
    def test_each_encoding_is_the_assembler_s(self):
        fixed = [(encoding, name) for encoding, name, _ in rows() if all(part.isdecimal() for part in encoding)]
        self.assertGreater(len(fixed), 120)
        # LLVM knows some registers for writing only, and PSTATE fields by the same syntax.
        source = "".join(f"mrs x1, {name}\nmrs x1, S{'_'.join((op0, op1, f'C{crn}', f'C{crm}', op2))}\n"
                         for (op0, op1, crn, crm, op2), name in fixed)
        done = subprocess.run(["llvm-mc-19", "--arch=aarch64", "-mattr=+all", "--show-encoding"], input=source,
                              capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        found = re.findall(r"encoding: (\[.*?\])", done.stdout)
        self.assertEqual(len(found), 2 * len(fixed))
        for (_, name), by_name, by_number in zip(fixed, found[::2], found[1::2]):
            self.assertEqual(by_name, by_number, name)

    def test_baton_gives_an_entry_value_to_each(self):
        """Or the table says why not. The names of Baton's list are compared, for what no CPU model of QEMU has too."""
        text = "".join((ROOT / "arch" / "arm64" / name).read_text() for name in BATON)
        known = {name for name, _ in DECLARED.findall(text)}
        code = "".join(path.read_text() for path in (ROOT / "arch" / "arm64" / "steps").glob("*.[ch]pp")
                       if path.name in ("el1_state.cpp", "trace_buffers.hpp"))
        missing = []
        for _, name, content in rows():
            ours = OTHER_NAMES.get(name, name)
            if "why_not" in content or name in BY_THE_ENTRY or name.startswith("ICC_"):
                continue
            if ours not in known or not re.search(rf"\b{ours}\b", code):
                missing.append(name)
        self.assertEqual(missing, [])


if __name__ == "__main__":
    unittest.main()
