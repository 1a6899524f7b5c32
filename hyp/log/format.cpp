// SPDX-License-Identifier: BSD-2-Clause
#include "hyp/log/format.hpp"

namespace baton {

class Formatter {
  public:
    explicit Formatter(std::span<char> out) : out_{out} {}

    void put(char c) {
        if (used_ < out_.size()) {
            out_[used_++] = c;
        }
    }
    void put(std::string_view text) {
        for (const char c : text) {
            put(c);
        }
    }
    void put(const FormatArgument& argument, std::string_view how) {
        if (argument.is_text_) {
            return put(argument.text_);
        }
        if (argument.negative_) {
            put('-');
        }
        if (how == "1") {
            put_digits(argument.number_ / 10, 10, 1);
            put('.');
            put_digits(argument.number_ % 10, 10, 1);
        } else if (how == "p") {
            put("0x");
            put_digits(argument.number_, 16, 16);
        } else if (how == "x" || argument.hex_) {
            put("0x");
            put_digits(argument.number_, 16, 1);
        } else {
            put_digits(argument.number_, 10, 1);
        }
    }
    std::string_view written() const { return {out_.data(), used_}; }

  private:
    void put_digits(u64 number, u64 base, usize at_least) {
        std::array<char, 20> digits;
        usize count = 0;
        while (number != 0 || count < at_least) {
            digits[count++] = "0123456789abcdef"[number % base];
            number /= base;
        }
        while (count > 0) {
            put(digits[--count]);
        }
    }

    std::span<char> out_;
    usize used_ = 0;
};

std::string_view format_arguments(std::span<char> out, std::string_view pattern,
                                  std::span<const FormatArgument> arguments) {
    Formatter to{out};
    usize next = 0;
    while (!pattern.empty()) {
        const usize close = pattern.starts_with('{') ? pattern.find('}') : std::string_view::npos;
        if (close == std::string_view::npos) {
            to.put(pattern.front());
            pattern.remove_prefix(1);
            continue;
        }
        if (next < arguments.size()) {
            to.put(arguments[next++], pattern.substr(1, close - 1));
        }
        pattern.remove_prefix(close + 1);
    }
    return to.written();
}

} // namespace baton
