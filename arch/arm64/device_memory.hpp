// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "arch/arm64/cpu/barrier.hpp"
#include "hyp/devices/device_memory.hpp"

namespace baton::arm64 {

/// Devices of any kind, mapped where they are as Device-nGnRE: the accesses of one CPU to one
/// device keep their order. Plain loads and stores in assembly, as in Mmio.
struct MappedDevices {
    static u8 read8(PhysAddr at) {
        u32 value;
        asm volatile("ldrb %w0, [%1]" : "=r"(value) : "r"(at.value) : "memory");
        return static_cast<u8>(value);
    }
    static u16 read16(PhysAddr at) {
        u32 value;
        asm volatile("ldrh %w0, [%1]" : "=r"(value) : "r"(at.value) : "memory");
        return static_cast<u16>(value);
    }
    static u32 read32(PhysAddr at) {
        u32 value;
        asm volatile("ldr %w0, [%1]" : "=r"(value) : "r"(at.value) : "memory");
        return value;
    }
    static void write8(PhysAddr at, u8 value) {
        asm volatile("strb %w0, [%1]" ::"r"(u32{value}), "r"(at.value) : "memory");
    }
    static void write16(PhysAddr at, u16 value) {
        asm volatile("strh %w0, [%1]" ::"r"(u32{value}), "r"(at.value) : "memory");
    }
    static void write32(PhysAddr at, u32 value) {
        asm volatile("str %w0, [%1]" ::"r"(value), "r"(at.value) : "memory");
    }
    /// Between two reads of a register that is waited for.
    static void pause() { yield(); }
};
static_assert(DeviceMemory<MappedDevices>);

} // namespace baton::arm64
