// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/address.hpp"
#include "hyp/types.hpp"

namespace baton::arm64 {

/// The registers of one device frame. `Register32` and `Register64` are enums of offsets, so a
/// 32-bit access to a 64-bit register does not compile. A device is used as
///
///     Mmio<Gicd32, Gicd64> gicd{frame};
///     gicd.write(Gicd32::CTLR, value);
///
/// The asm pins each access to a plain ldr/str: a hypervisor above or a guest's trap handler can
/// then decode it (ESR_ELx.ISV), and the compiler can neither merge nor split it.
template <class Register32, class Register64 = Register32>
class Mmio {
  public:
    constexpr Mmio() = default;
    explicit constexpr Mmio(PhysAddr base) : base_{base.value} {}

    [[nodiscard]] u32 read(Register32 reg, u64 offset = 0) const {
        u32 value;
        asm volatile("ldr %w0, [%1]" : "=r"(value) : "r"(at(reg, offset)) : "memory");
        return value;
    }
    void write(Register32 reg, u32 value, u64 offset = 0) const {
        asm volatile("str %w0, [%1]" ::"r"(value), "r"(at(reg, offset)) : "memory");
    }
    void write_byte(Register32 reg, u8 value, u64 offset) const {
        asm volatile("strb %w0, [%1]" ::"r"(value), "r"(at(reg, offset)) : "memory");
    }
    [[nodiscard]] u64 read(Register64 reg, u64 offset = 0) const
        requires(!__is_same(Register32, Register64))
    {
        u64 value;
        asm volatile("ldr %0, [%1]" : "=r"(value) : "r"(at(reg, offset)) : "memory");
        return value;
    }
    void write(Register64 reg, u64 value, u64 offset = 0) const
        requires(!__is_same(Register32, Register64))
    {
        asm volatile("str %0, [%1]" ::"r"(value), "r"(at(reg, offset)) : "memory");
    }

  private:
    template <class Register>
    u64 at(Register reg, u64 offset) const {
        return base_ + static_cast<u64>(reg) + offset;
    }
    u64 base_ = 0;
};

} // namespace baton::arm64
