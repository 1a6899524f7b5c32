// SPDX-License-Identifier: BSD-2-Clause
//
// Reads every encoding of a system register: each read gives a value or is refused, those of EL2
// and EL3 are refused, and the guest goes on.

#include "guest-api/guest/smp.hpp"

namespace baton::guest {

namespace {

/// mrs x0, S<op0>_<op1>_C<crn>_C<crm>_<op2>
constexpr u32 read_instruction(u32 op0, u32 op1, u32 crn, u32 crm, u32 op2) {
    return 0xd530'0000 | (op0 & 1) << 19 | op1 << 16 | crn << 12 | crm << 8 | op2 << 5;
}

alignas(64) u32 code[2];

void put_instruction(u32 instruction) {
    constexpr u32 ret = 0xd65f'03c0;
    code[0] = instruction;
    code[1] = ret;
    asm volatile("dc cvau, %0\n dsb ish\n ic ivau, %0\n dsb ish\n isb" ::"r"(code) : "memory");
}

struct Count {
    u32 read = 0, refused = 0, other = 0;
};

/// UNDEFINED, or what stands for it: ID registers by FEAT_IDST, FP, SVE and SME that are off.
bool is_refusal(u64 exception_class) {
    constexpr u64 ec_fp = 0x07, ec_sysreg = 0x18, ec_sve = 0x19, ec_sme = 0x1d;
    switch (exception_class) {
    case ec_unknown:
    case ec_fp:
    case ec_sysreg:
    case ec_sve:
    case ec_sme:
        return true;
    default:
        return false;
    }
}

Count read_all(u32 op0, u32 op1, u32 first_crn, u32 last_crn) {
    Count count;
    for (u32 crn = first_crn; crn <= last_crn; crn++) {
        // CRn 12 at EL1 has the GIC's acknowledge registers: to read them is to act.
        for (u32 at = 0; at < 128 && (crn != 12 || op1 >= 4); at++) {
            put_instruction(read_instruction(op0, op1, crn, at / 8, at % 8));
            const Fault fault = fault_of([] {
                asm volatile("blr %0" ::"r"(code) : "x0", "x30", "memory");
            });
            if (!fault.taken) {
                count.read++;
            } else if (is_refusal(fault.exception_class())) {
                count.refused++;
            } else {
                count.other++;
                print("S{}_{}_C{}_C{}_{}: ESR {x}\n", op0, op1, crn, at / 8, at % 8, fault.esr);
            }
        }
    }
    return count;
}

} // namespace

void guest_main() {
    print("guest: sysregs\n");
    for (const u32 op1 : {4u, 5u, 6u, 7u}) {
        const Count count = read_all(3, op1, 0, 15);
        print("op0 3, op1 {}: {} read, {} refused\n", op1, count.read, count.refused);
        if (op1 < 7) {
            check("registers of EL2 and EL3 are refused", count.read == 0 && count.other == 0);
        }
    }
    for (const u32 op1 : {0u, 1u, 2u, 3u}) {
        for (const u32 op0 : {2u, 3u}) {
            const Count count = read_all(op0, op1, 0, 15);
            print("op0 {}, op1 {}: {} read, {} refused\n", op0, op1, count.read, count.refused);
            check("each read gives a value or is refused", count.other == 0);
        }
    }
}

} // namespace baton::guest
