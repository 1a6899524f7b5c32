// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "guest-api/guest/console.hpp"

/// What a test found, line by line: "ok: <name>" or "FAIL: <name>: <why>".
namespace baton::guest {

/// A name says what is true when the check passes. From any CPU.
void report(bool passed, std::string_view name, std::string_view why);

inline bool check(std::string_view name, bool condition) {
    report(condition, name, "");
    return condition;
}

/// `why` is a pattern of hyp/log/format.hpp, used when the condition does not hold.
template <class... Arguments>
bool check(std::string_view name, bool condition, std::string_view why,
           const Arguments&... arguments) {
    std::array<char, 160> buffer;
    report(condition, name, condition ? std::string_view{} : format(buffer, why, arguments...));
    return condition;
}

inline bool check_equal(std::string_view name, u64 found, u64 expected) {
    return check(name, found == expected, "{x}, expected {x}", found, expected);
}

/// For conditions that hold so often that a line each would drown the rest: says nothing when it
/// holds.
template <class... Arguments>
bool require(std::string_view name, bool condition, std::string_view why = "",
             const Arguments&... arguments) {
    return condition || check(name, false, why, arguments...);
}

/// Checks that did not hold so far.
u32 failures();

/// "guest: N passed, N failed"
void print_closing_line();

/// Prints the closing line and powers the machine off; with the option `stay` it sleeps for ever
/// instead, so that other VMs may go on beside a host VM that is through.
[[noreturn]] void end();

} // namespace baton::guest
