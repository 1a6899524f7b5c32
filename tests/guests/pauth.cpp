// SPDX-License-Identifier: BSD-2-Clause
//
// Pointer authentication can be used: keys can be written, sign, hold across hypercalls, and are
// each CPU's own.

#include "guest-api/guest/smp.hpp"

namespace baton::guest {

namespace {

/// A, B for instructions, A, B for data, and the generic one: op2 and CRm of APxxKeyLo_EL1.
template <u32 crm, u32 op2>
struct KeyLow : SystemRegister<KeyLow<crm, op2>, 3, 0, 2, crm, op2> {};

template <u32 crm, u32 op2>
bool key_holds(u64 value) {
    using Low = KeyLow<crm, op2>;
    using High = KeyLow<crm, op2 + 1>;
    write_raw<Low>(value);
    write_raw<High>(~value);
    isb();
    (void)psci::call(psci::Function::version);
    pause_for(1);
    return read_raw<Low>() == value && read_raw<High>() == ~value;
}

u64 sign(u64 pointer, u64 modifier) {
    asm volatile(".arch_extension pauth\n pacia %0, %1" : "+r"(pointer) : "r"(modifier));
    return pointer;
}
u64 authenticate(u64 pointer, u64 modifier) {
    asm volatile(".arch_extension pauth\n autia %0, %1" : "+r"(pointer) : "r"(modifier));
    return pointer;
}

/// A few in 128 of the signatures of 7 bits may be those of another key.
constexpr u32 tries = 64;

struct Outcome {
    u32 signed_pointers = 0, authentic = 0, forged = 0;
};

Outcome use_key() {
    Outcome outcome;
    const u64 pointer = platform().image.begin.value;
    for (u64 modifier = 0; modifier < tries; modifier++) {
        const u64 signature = sign(pointer, modifier);
        (void)psci::call(psci::Function::version);
        outcome.signed_pointers += signature != pointer;
        outcome.authentic +=
            sign(pointer, modifier) == signature && authenticate(signature, modifier) == pointer;
        // A wrong modifier gives a wrong pointer, or with FEAT_FPAC a fault.
        u64 result = 0;
        const Fault fault = fault_of([&] { result = authenticate(signature, modifier + 1); });
        outcome.forged += !fault.taken && result == pointer;
    }
    return outcome;
}

} // namespace

void guest_main() {
    print("guest: pauth: {} CPUs\n", enabled_cpus());
    check("all CPUs start", start_all());
    if (!ID_AA64ISAR1_EL1::pauth(read<ID_AA64ISAR1_EL1>()) &&
        !ID_AA64ISAR2_EL1::pauth(read<ID_AA64ISAR2_EL1>())) {
        print("no pointer authentication\n");
        return;
    }
    std::atomic<u32> lost, unsigned_pointers, wrong, forged;
    run_on_all("all CPUs sign", [&] {
        const u64 own = 0x0123'4567'89ab'0000 + this_cpu().index;
        lost += !key_holds<1, 0>(own) || !key_holds<1, 2>(own + 1) || !key_holds<2, 0>(own + 2) ||
                !key_holds<2, 2>(own + 3) || !key_holds<3, 0>(own + 4);
        write(read<SCTLR_EL1>() | SCTLR_EL1::EnIA);
        isb();
        const Outcome outcome = use_key();
        unsigned_pointers += outcome.signed_pointers < tries / 2;
        wrong += outcome.authentic != tries;
        forged += outcome.forged > tries / 8;
        write(read<SCTLR_EL1>().without(SCTLR_EL1::EnIA));
        isb();
    });
    check("the ten key registers hold their values", lost == 0, "{} CPUs not", lost.load());
    check("pointers are signed", unsigned_pointers == 0, "{} CPUs not", unsigned_pointers.load());
    check("signatures authenticate", wrong == 0, "{} CPUs not", wrong.load());
    check("forged ones do not", forged == 0, "{} CPUs not", forged.load());
}

} // namespace baton::guest
