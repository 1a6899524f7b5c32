// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/types.hpp"

/// Typed access to system registers. Each register is a type (registers.hpp):
///
///     write(HCR_EL2::VM | HCR_EL2::RW);
///     if (read<ICH_MISR_EL2>().has(ICH_MISR_EL2::U)) ...
///     write_raw<VTTBR_EL2>(root.value);
///
/// A bit of one register does not compile in a write to another.
namespace baton::arm64 {

/// A value of one register: bits are joined with |, cleared with `without`.
template <class Register>
struct Bits {
    u64 value = 0;

    constexpr Bits operator|(Bits other) const { return {value | other.value}; }
    constexpr Bits operator&(Bits other) const { return {value & other.value}; }
    constexpr Bits without(Bits other) const { return {value & ~other.value}; }
    constexpr bool has(Bits other) const { return (value & other.value) == other.value; }
    constexpr bool operator==(const Bits&) const = default;
    /// The field of `width` bits from bit `low` on.
    constexpr u64 field(unsigned low, unsigned width) const {
        return (value >> low) & ((u64{1} << width) - 1);
    }
};

/// The encoding of a register as mrs, msr and the ISS of a trapped access give it.
struct SysregEncoding {
    u32 op0, op1, crn, crm, op2;
    constexpr bool operator==(const SysregEncoding&) const = default;
};

template <class Self, u32 op0, u32 op1, u32 crn, u32 crm, u32 op2>
struct SystemRegister {
    using Value = Bits<Self>;
    static constexpr SysregEncoding encoding{op0, op1, crn, crm, op2};

    static constexpr Value bit(unsigned n) { return {u64{1} << n}; }
    /// `field` placed from bit `low` on.
    static constexpr Value at(unsigned low, u64 field) { return {field << low}; }

    static u64 load() {
        u64 value;
        asm volatile("mrs %0, S%c1_%c2_C%c3_C%c4_%c5"
                     : "=r"(value)
                     : "i"(op0), "i"(op1), "i"(crn), "i"(crm), "i"(op2)
                     : "memory");
        return value;
    }
    static void store(u64 value) {
        asm volatile("msr S%c1_%c2_C%c3_C%c4_%c5, %0" ::"r"(value), "i"(op0), "i"(op1), "i"(crn),
                     "i"(crm), "i"(op2)
                     : "memory");
    }
};

template <class Register>
[[nodiscard]] inline Bits<Register> read() {
    return {Register::load()};
}
template <class Register>
[[nodiscard]] inline u64 read_raw() {
    return Register::load();
}
template <class Register>
inline void write(Bits<Register> value) {
    Register::store(value.value);
}
/// For registers whose value is one quantity: an address, a counter, a mask.
template <class Register>
inline void write_raw(u64 value) {
    Register::store(value);
}

} // namespace baton::arm64
