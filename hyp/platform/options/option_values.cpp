// SPDX-License-Identifier: BSD-2-Clause
#include "hyp/platform/options/option_values.hpp"

namespace baton {

namespace {

std::optional<u64> digit_value(char c, u32 base) {
    u32 digit = 99;
    if (c >= '0' && c <= '9') {
        digit = static_cast<u32>(c - '0');
    } else if (c >= 'a' && c <= 'f') {
        digit = static_cast<u32>(c - 'a') + 10;
    } else if (c >= 'A' && c <= 'F') {
        digit = static_cast<u32>(c - 'A') + 10;
    }
    return digit < base ? std::optional<u64>{digit} : std::nullopt;
}

} // namespace

std::optional<u64> parse_number(std::string_view text) {
    u32 base = 10;
    if (text.starts_with("0x") || text.starts_with("0X")) {
        base = 16;
        text.remove_prefix(2);
    }
    if (text.empty()) {
        return std::nullopt;
    }
    u64 number = 0;
    for (char c : text) {
        const auto digit = digit_value(c, base);
        if (!digit || __builtin_mul_overflow(number, u64{base}, &number) ||
            __builtin_add_overflow(number, *digit, &number)) {
            return std::nullopt;
        }
    }
    return number;
}

std::optional<u64> parse_decimal(std::string_view text) {
    return text.starts_with("0x") || text.starts_with("0X") ? std::nullopt : parse_number(text);
}

std::optional<u64> parse_size(std::string_view text) {
    u32 shift = 0;
    if (!text.empty()) {
        switch (text.back()) {
        case 'K':
        case 'k':
            shift = 10;
            break;
        case 'M':
        case 'm':
            shift = 20;
            break;
        case 'G':
        case 'g':
            shift = 30;
            break;
        default:
            break;
        }
    }
    text.remove_suffix(shift != 0 ? 1 : 0);
    const auto number = parse_number(text);
    u64 size = 0;
    if (!number || __builtin_mul_overflow(*number, u64{1} << shift, &size)) {
        return std::nullopt;
    }
    return size;
}

} // namespace baton
