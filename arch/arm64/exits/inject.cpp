// SPDX-License-Identifier: BSD-2-Clause
#include "arch/arm64/exits/inject.hpp"

#include "arch/arm64/cpu/el1_registers.hpp"
#include "arch/arm64/cpu/registers.hpp"

namespace baton::arm64 {
namespace {

using Spsr = SPSR_EL2::Value;

// SPSR_ELx fields that taking an exception changes or keeps (Arm ARM C5.2.19).
constexpr Spsr mode_mask{0b11111};
constexpr Spsr mode_el1t{0b00100};
constexpr Spsr mode_el1h{0b00101};
constexpr Spsr btype_mask{0b11 << 10};
constexpr Spsr ssbs{u64{1} << 12};
constexpr Spsr il{u64{1} << 20};
constexpr Spsr ss{u64{1} << 21};
constexpr Spsr pan{u64{1} << 22};
constexpr Spsr uao{u64{1} << 23};
constexpr Spsr dit{u64{1} << 24};
constexpr Spsr tco{u64{1} << 25};
constexpr Spsr nzcv{u64{0b1111} << 28};

u64 vector_offset(Spsr from) {
    if ((from & SPSR_EL2::M_AARCH32).value != 0) {
        return 0x600;
    }
    if ((from & mode_mask) == mode_el1h) {
        return 0x200;
    }
    return (from & mode_mask) == mode_el1t ? 0x000 : 0x400;
}

bool from_el0(Spsr from) { return vector_offset(from) >= 0x400; }

Spsr entry_pstate(Spsr from) {
    const auto sctlr = read<SCTLR_EL1>();
    const bool mte = ID_AA64PFR1_EL1::mte(read<ID_AA64PFR1_EL1>()) >= 2;
    Spsr pstate = mode_el1h | SPSR_EL2::DAIF | (from & (nzcv | pan | dit));
    // PAN is set on entry unless SCTLR_EL1.SPAN says not to; Armv8.0 has neither.
    const bool has_pan = (read_raw<ID_AA64MMFR1_EL1>() >> 20 & 0xf) != 0;
    if (has_pan && !sctlr.has(SCTLR_EL1::SPAN)) {
        pstate = pstate | pan;
    }
    if (sctlr.has(SCTLR_EL1::DSSBS)) {
        pstate = pstate | ssbs;
    }
    if (mte) {
        pstate = pstate | tco;
    }
    return pstate.without(btype_mask | il | ss | uao);
}

void take_exception(u64 syndrome) {
    const Spsr from = read<SPSR_EL2>();
    write_raw<ELR_EL1>(read_raw<ELR_EL2>());
    write_raw<SPSR_EL1>(from.value);
    write_raw<ESR_EL1>(syndrome);
    write_raw<ELR_EL2>(read_raw<VBAR_EL1>() + vector_offset(from));
    write(entry_pstate(from));
}

constexpr u64 syndrome(ExceptionClass exception, bool il_bit, u64 iss) {
    return static_cast<u64>(exception) << 26 | u64{il_bit} << 25 | iss;
}

} // namespace

void inject_undefined() { take_exception(syndrome(ExceptionClass::unknown, true, 0)); }

void inject_external_abort() {
    const auto esr = read<ESR_EL2>();
    const bool instruction =
        ESR_EL2::exception_class(esr) == static_cast<u64>(ExceptionClass::instruction_abort_lower);
    const bool user = from_el0(read<SPSR_EL2>());
    const auto exception =
        instruction ? (user ? ExceptionClass::instruction_abort_lower
                            : ExceptionClass::instruction_abort_same)
                    : (user ? ExceptionClass::data_abort_lower : ExceptionClass::data_abort_same);
    // xFSC: synchronous external abort, not on a walk, or on the walk of the guest's own tables at
    // the level of the stage-2 fault. WnR and CM say what the access was; the rest stays zero.
    constexpr u64 on_walk = 1 << 7;
    constexpr u64 cm_wnr = 1 << 8 | 1 << 6;
    const u64 iss = ESR_EL2::iss(esr);
    const u64 status = (iss & on_walk) != 0 ? 0b010100 | (iss & 0b11) : 0b010000;
    write_raw<FAR_EL1>(read_raw<FAR_EL2>());
    take_exception(
        syndrome(exception, esr.has(ESR_EL2::IL), status | (instruction ? 0 : iss & cm_wnr)));
}

void inject_own_abort() {
    const auto esr = read<ESR_EL2>();
    const auto exception = from_el0(read<SPSR_EL2>()) ? ExceptionClass::data_abort_lower
                                                      : ExceptionClass::data_abort_same;
    // DFSC, WnR, CM and FnV; the rest tells of stage 2.
    constexpr u64 kept = 0x3f | 1 << 6 | 1 << 8 | 1 << 10;
    write_raw<FAR_EL1>(read_raw<FAR_EL2>());
    take_exception(syndrome(exception, esr.has(ESR_EL2::IL), ESR_EL2::iss(esr) & kept));
}

} // namespace baton::arm64
