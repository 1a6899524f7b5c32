// SPDX-License-Identifier: BSD-2-Clause
#pragma once

/// Barriers and hints by their Arm ARM names (C6.2, B2.3). Each caller says what it orders.
namespace baton::arm64 {

/// Later instructions see the effect of earlier system-register writes and completed TLBIs.
inline void isb() { asm volatile("isb" ::: "memory"); }

/// Full system: devices and CPUs that are not coherent with us wait for it too.
inline void dsb_sy() { asm volatile("dsb sy" ::: "memory"); }
inline void dsb_ish() { asm volatile("dsb ish" ::: "memory"); }
inline void dsb_ishst() { asm volatile("dsb ishst" ::: "memory"); }
inline void dsb_nsh() { asm volatile("dsb nsh" ::: "memory"); }
inline void dmb_ish() { asm volatile("dmb ish" ::: "memory"); }

inline void wfi() { asm volatile("wfi" ::: "memory"); }
inline void wfe() { asm volatile("wfe" ::: "memory"); }
inline void sev() { asm volatile("sev" ::: "memory"); }
inline void yield() { asm volatile("yield" ::: "memory"); }

} // namespace baton::arm64
