// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace batonctl {

/// printf into a string.
[[gnu::format(printf, 1, 2)]] std::string format(const char* pattern, ...);

/// A string of JSON, quotes included.
std::string json_string(std::string_view text);

/// "34.9 MiB", "12 KiB", "7 bytes".
std::string size_text(std::uint64_t bytes);

/// "812 ns", "34.5 us", "12.3 ms", "1.20 s".
std::string time_text(std::uint64_t nanoseconds);

} // namespace batonctl
