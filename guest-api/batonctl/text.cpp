// SPDX-License-Identifier: BSD-2-Clause
#include "text.hpp"

#include <cstdarg>
#include <cstdio>

namespace batonctl {
namespace {

/// A value in the largest unit that leaves at least 1, with one digit behind the point.
std::string scaled(std::uint64_t value, std::uint64_t step, const char* const* units, int count) {
    double number = static_cast<double>(value);
    int unit = 0;
    while (number >= static_cast<double>(step) && unit < count - 1) {
        number /= static_cast<double>(step);
        unit++;
    }
    return format(unit == 0 ? "%.0f %s" : "%.1f %s", number, units[unit]);
}

} // namespace

std::string format(const char* pattern, ...) {
    std::va_list arguments;
    va_start(arguments, pattern);
    std::va_list again;
    va_copy(again, arguments);
    const int length = std::vsnprintf(nullptr, 0, pattern, arguments);
    std::string text(length > 0 ? static_cast<std::size_t>(length) : 0, '\0');
    std::vsnprintf(text.data(), text.size() + 1, pattern, again);
    va_end(again);
    va_end(arguments);
    return text;
}

std::string json_string(std::string_view text) {
    std::string result = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') {
            result += '\\';
            result += c;
        } else if (static_cast<unsigned char>(c) < ' ') {
            result += format("\\u%04x", static_cast<unsigned>(c));
        } else {
            result += c;
        }
    }
    return result + '"';
}

std::string size_text(std::uint64_t bytes) {
    static constexpr const char* units[] = {"bytes", "KiB", "MiB", "GiB"};
    return scaled(bytes, 1024, units, 4);
}

std::string time_text(std::uint64_t nanoseconds) {
    static constexpr const char* units[] = {"ns", "us", "ms", "s"};
    return scaled(nanoseconds, 1000, units, 4);
}

} // namespace batonctl
