// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <cstddef>
#include <cstdint>

namespace baton {

using u8 = std::uint8_t;
using u16 = std::uint16_t;
using u32 = std::uint32_t;
using u64 = std::uint64_t;
using i32 = std::int32_t;
using i64 = std::int64_t;
using usize = std::size_t;

inline constexpr u64 KiB = 1024;
inline constexpr u64 MiB = 1024 * KiB;
inline constexpr u64 GiB = 1024 * MiB;

inline constexpr u64 page_size = 4 * KiB;
/// Slots, and the stage-2 blocks that map them, are multiples of this.
inline constexpr u64 block_size = 2 * MiB;

/// The most CPUs of a machine. QEMU's `virt` ends at the same number.
inline constexpr u32 max_cpus = 512;

/// The most VMs, the host VM included.
inline constexpr u32 max_vms = 16;

/// A physical CPU: its index in Platform::cpus, dense.
enum class CpuId : u32 {};
/// A CPU of a VM: dense in its VM, by rising CpuId of the CPUs that they are pinned to.
enum class VcpuId : u32 {};
/// 0 is the host VM.
enum class VmId : u32 {};
inline constexpr VmId host_vm{0};
/// One of the two slots of a VM.
enum class SlotId : u32 {};
/// An interrupt, by its number at the machine's interrupt controller.
enum class InterruptId : u32 {};

constexpr u32 index(CpuId cpu) { return static_cast<u32>(cpu); }
constexpr u32 index(VcpuId vcpu) { return static_cast<u32>(vcpu); }
constexpr u32 index(VmId vm) { return static_cast<u32>(vm); }
constexpr u32 index(SlotId slot) { return static_cast<u32>(slot); }
constexpr u32 index(InterruptId interrupt) { return static_cast<u32>(interrupt); }

constexpr SlotId other(SlotId slot) { return SlotId{1 - index(slot)}; }

/// @param alignment a power of two
constexpr u64 align_down(u64 value, u64 alignment) { return value & ~(alignment - 1); }
/// The result wraps for values within `alignment` of 2^64: check the range first.
constexpr u64 align_up(u64 value, u64 alignment) {
    return align_down(value + alignment - 1, alignment);
}
constexpr bool is_aligned(u64 value, u64 alignment) { return (value & (alignment - 1)) == 0; }

} // namespace baton
