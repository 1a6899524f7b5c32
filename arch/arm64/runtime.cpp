// SPDX-License-Identifier: BSD-2-Clause
//
// What compilers and the standard library's headers call.
#include "arch/arm64/runtime.hpp"

#include "arch/arm64/cpu/time.hpp"
#include "arch/arm64/panic/panic.hpp"

extern "C" {
/// -fstack-protector-strong: between a function's buffers and its return address.
constinit baton::u64 __stack_chk_guard = 0;

[[noreturn]] void __stack_chk_fail() { baton::arm64::panic("stack guard overwritten"); }
void abort() noexcept { baton::arm64::panic("abort"); }
[[noreturn]] void __cxa_pure_virtual() { baton::arm64::panic("pure virtual call"); }
}

namespace std {
void __throw_out_of_range_fmt(const char* what, ...) { baton::arm64::panic(what); }
} // namespace std

namespace baton::arm64 {

[[gnu::no_stack_protector]] void set_stack_guard(std::span<const std::byte> seed) {
    // FNV-1a over the firmware's entropy and the counter; the lowest byte stays 0, so that a
    // string that overflows ends there.
    u64 hash = 0xcbf2'9ce4'8422'2325 ^ now().count;
    for (const std::byte byte : seed) {
        hash = (hash ^ static_cast<u64>(byte)) * 0x100'0000'01b3;
    }
    __stack_chk_guard = hash << 8;
}

} // namespace baton::arm64
