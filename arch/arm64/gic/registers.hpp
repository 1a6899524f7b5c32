// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "arch/arm64/cpu/sysreg.hpp"

/// System registers of the CPU interface: ICC_* physical, ICH_* control of the virtual one
/// (IHI 0069, 12.2 and 12.4).
namespace baton::arm64 {

struct ICC_SRE_EL1 : SystemRegister<ICC_SRE_EL1, 3, 0, 12, 12, 5> {
    static constexpr Value SRE = bit(0);
    static constexpr Value DFB = bit(1);
    static constexpr Value DIB = bit(2);
};
struct ICC_SRE_EL2 : SystemRegister<ICC_SRE_EL2, 3, 4, 12, 9, 5> {
    static constexpr Value SRE = bit(0);
    static constexpr Value DFB = bit(1);
    static constexpr Value DIB = bit(2);
    static constexpr Value Enable = bit(3);
};

struct ICC_CTLR_EL1 : SystemRegister<ICC_CTLR_EL1, 3, 0, 12, 12, 4> {
    static constexpr Value EOImode = bit(1);
    static constexpr Value RSS = bit(18);
    static constexpr u32 priority_bits(Value v) { return static_cast<u32>(v.field(8, 3)) + 1; }
};
struct ICC_PMR_EL1 : SystemRegister<ICC_PMR_EL1, 3, 0, 4, 6, 0> {};
struct ICC_BPR1_EL1 : SystemRegister<ICC_BPR1_EL1, 3, 0, 12, 12, 3> {};
struct ICC_IGRPEN1_EL1 : SystemRegister<ICC_IGRPEN1_EL1, 3, 0, 12, 12, 7> {
    static constexpr Value Enable = bit(0);
};

struct ICC_IAR1_EL1 : SystemRegister<ICC_IAR1_EL1, 3, 0, 12, 12, 0> {
    static constexpr u64 INTID = 0xff'ffff;
};
struct ICC_EOIR1_EL1 : SystemRegister<ICC_EOIR1_EL1, 3, 0, 12, 12, 1> {};
struct ICC_DIR_EL1 : SystemRegister<ICC_DIR_EL1, 3, 0, 12, 11, 1> {};

/// Which priorities are active; n: 0 to 3, as many as there are priority bits for.
template <u32 n>
struct ICC_AP1R_EL1 : SystemRegister<ICC_AP1R_EL1<n>, 3, 0, 12, 9, n> {};

/// The three share one layout: sgi_request.hpp.
struct ICC_SGI1R_EL1 : SystemRegister<ICC_SGI1R_EL1, 3, 0, 12, 11, 5> {};
struct ICC_ASGI1R_EL1 : SystemRegister<ICC_ASGI1R_EL1, 3, 0, 12, 11, 6> {};
struct ICC_SGI0R_EL1 : SystemRegister<ICC_SGI0R_EL1, 3, 0, 12, 11, 7> {};

struct ICH_HCR_EL2 : SystemRegister<ICH_HCR_EL2, 3, 4, 12, 11, 0> {
    static constexpr Value En = bit(0);
    static constexpr Value UIE = bit(1);
    static constexpr Value LRENPIE = bit(2);
    static constexpr Value NPIE = bit(3);
    static constexpr Value TDIR = bit(14);
    static constexpr u32 EOIcount(Value v) { return static_cast<u32>(v.field(27, 5)); }
};
struct ICH_VTR_EL2 : SystemRegister<ICH_VTR_EL2, 3, 4, 12, 11, 1> {
    static constexpr Value TDS = bit(19);
    static constexpr u32 list_registers(Value v) { return static_cast<u32>(v.field(0, 5)) + 1; }
    static constexpr u32 preemption_bits(Value v) { return static_cast<u32>(v.field(26, 3)) + 1; }
    static constexpr u32 priority_bits(Value v) { return static_cast<u32>(v.field(29, 3)) + 1; }
};
/// One bit for each list register that holds no interrupt.
struct ICH_ELRSR_EL2 : SystemRegister<ICH_ELRSR_EL2, 3, 4, 12, 11, 5> {};
struct ICH_VMCR_EL2 : SystemRegister<ICH_VMCR_EL2, 3, 4, 12, 11, 7> {
    static constexpr Value VEOIM = bit(9);
};

/// n: 0 to 3, as many as there are preemption bits for.
template <u32 n>
struct ICH_AP0R_EL2 : SystemRegister<ICH_AP0R_EL2<n>, 3, 4, 12, 8, n> {};
template <u32 n>
struct ICH_AP1R_EL2 : SystemRegister<ICH_AP1R_EL2<n>, 3, 4, 12, 9, n> {};

/// n: 0 to 15; layout in list_register.hpp.
template <u32 n>
struct ICH_LR_EL2 : SystemRegister<ICH_LR_EL2<n>, 3, 4, 12, 12 + n / 8, n % 8> {};

} // namespace baton::arm64
