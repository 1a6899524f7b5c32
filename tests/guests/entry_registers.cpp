// SPDX-License-Identifier: BSD-2-Clause
#include "tests/guests/entry_registers.hpp"

#include "guest-api/guest/smp.hpp"

namespace baton::guest {

namespace {

/// Not worth zeroing: an entry is written before it is read.
[[gnu::section(".bss.noinit")]] constinit std::array<EntryRecord, max_cpus> records{};

/// FP, SVE and SME registers trap to EL1 while CPACR_EL1 says so.
constexpr auto all_units = CPACR_EL1::FPEN | CPACR_EL1::ZEN | CPACR_EL1::SMEN;

} // namespace

const EntryRecord& entry_record(const Cpu& cpu) { return records[cpu.index]; }

void look_at_entry(Cpu& self) {
    if (option("light")) {
        return;
    }
    EntryRecord& record = records[self.index];
    record.present.reset();
    const auto access = read<CPACR_EL1>();
    for (usize i = 0; const Register& reg : registers()) {
        // In place of what cannot be read again: the first of them are changed by an exception.
        u64 value = 0;
        const bool present = !fault_of([&] { value = reg.read(); }).taken;
        record.present[i] = present;
        if (reg.found != nullptr) {
            value = self.entry.*reg.found;
        }
        record.values[i++] = value & reg.defined;
        if (reg.name == "CPACR_EL1") {
            write(access | all_units);
            isb();
        }
    }
    write(access);
    isb();
}

std::bitset<max_registers> fill_registers() {
    const EntryRecord& record = records[this_cpu().index];
    for (usize i = 0; const Register& reg : registers()) {
        if (record.present[i++] && reg.flips != 0) {
            reg.write(reg.read() ^ reg.flips);
            isb();
        }
    }
    std::bitset<max_registers> filled;
    for (usize i = 0; const Register& reg : registers()) {
        filled[i] = record.present[i] && (reg.read() & reg.defined) != record.values[i];
        i++;
    }
    return filled;
}

} // namespace baton::guest
