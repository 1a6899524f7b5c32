// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/platform/options/options.hpp"
#include "hyp/types.hpp"

#include <optional>
#include <string_view>

/// How the values of options are read.
namespace baton {

/// What stands behind an option's `=`. Nothing without one.
using OptionValue = std::optional<std::string_view>;

inline constexpr u32 most_deadline_ms = 60'000;

/// Decimal, or hexadecimal with 0x. Nothing if there is any other character, no digit, or more than
/// 64 bits.
std::optional<u64> parse_number(std::string_view text);
/// Without the hexadecimal ones.
std::optional<u64> parse_decimal(std::string_view text);

/// baton.fault
/// @return why the value is refused, or nullptr
const char* set_fault_option(Options& options, OptionValue value);

} // namespace baton
