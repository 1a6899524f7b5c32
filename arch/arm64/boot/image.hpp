// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/address.hpp"

/// Where Baton's own image lies: known at run time only, for it runs at any load address.
namespace baton::arm64::image {

/// Defined by baton.ld.
extern "C" {
extern char __image_start[], __text_end[], __rodata_end[], __data_end[], __image_end[];
extern char __pristine[], __pristine_end[];
extern char __survey_text[], __survey_text_end[];
extern char __boot_stack_guard[], __boot_stack_bottom[], __boot_stack_top[];
}

inline u64 start() { return reinterpret_cast<u64>(__image_start); }
inline u64 size() { return static_cast<u64>(__image_end - __image_start); }

inline PhysRange between(const char* begin, const char* end) {
    return PhysRange::between({reinterpret_cast<u64>(begin)}, {reinterpret_cast<u64>(end)});
}
inline PhysRange whole() { return between(__image_start, __image_end); }
inline PhysRange text() { return between(__image_start, __text_end); }
/// The code that looks at a core from end to end.
inline PhysRange survey_text() { return between(__survey_text, __survey_text_end); }
inline PhysRange rodata() { return between(__text_end, __rodata_end); }
/// .data, its copy and .bss, up to the guard page under the boot CPU's stack.
inline PhysRange data() { return between(__rodata_end, __boot_stack_guard); }
/// .data as it was loaded.
inline PhysRange pristine() { return between(__pristine, __pristine_end); }
inline PhysRange boot_stack() { return between(__boot_stack_bottom, __boot_stack_top); }

/// Stays unmapped, so that an overflow of the boot stack is an exception.
inline PhysRange boot_stack_guard() { return between(__boot_stack_guard, __boot_stack_bottom); }

} // namespace baton::arm64::image
