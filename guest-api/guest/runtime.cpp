// SPDX-License-Identifier: BSD-2-Clause
//
// What libfdt, built with Baton's options, and the standard library's headers call.
#include "guest-api/guest/check.hpp"

namespace {

[[noreturn]] void give_up(std::string_view why) {
    baton::guest::check("no run-time error", false, "{}", why);
    baton::guest::end();
}

} // namespace

extern "C" {
constinit baton::u64 __stack_chk_guard = 0x00de'adbe'ef00'c0de;

[[noreturn]] void __stack_chk_fail() { give_up("stack guard overwritten"); }
void abort() noexcept { give_up("abort"); }
}

namespace std {
void __throw_out_of_range_fmt(const char* what, ...) { give_up(what); }
} // namespace std
