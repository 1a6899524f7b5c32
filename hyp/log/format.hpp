// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/address.hpp"
#include "hyp/types.hpp"

#include <array>
#include <concepts>
#include <span>
#include <string_view>

namespace baton {

/// One argument of `format`: a number or a text.
class FormatArgument {
  public:
    constexpr FormatArgument(std::unsigned_integral auto number) : number_{number} {}
    constexpr FormatArgument(std::signed_integral auto number)
        : number_{number < 0 ? u64{0} - static_cast<u64>(number) : static_cast<u64>(number)},
          negative_{number < 0} {}
    template <class Space>
    constexpr FormatArgument(Address<Space> address) : number_{address.value}, hex_{true} {}
    constexpr FormatArgument(CpuId cpu) : number_{index(cpu)} {}
    constexpr FormatArgument(VcpuId vcpu) : number_{index(vcpu)} {}
    constexpr FormatArgument(VmId vm) : number_{index(vm)} {}
    constexpr FormatArgument(InterruptId interrupt) : number_{index(interrupt)} {}
    constexpr FormatArgument(std::string_view text) : text_{text}, is_text_{true} {}
    constexpr FormatArgument(const char* text) : text_{text}, is_text_{true} {}

  private:
    friend class Formatter;
    std::string_view text_{};
    u64 number_ = 0;
    bool negative_ = false;
    bool hex_ = false;
    bool is_text_ = false;
};

/// Writes `pattern` into `out` and returns what was written; what does not fit is cut off.
/// `{}` takes the next argument: a decimal number, an address in hexadecimal, or a text. `{x}` is
/// hexadecimal, `{p}` hexadecimal with 16 digits, `{1}` a number of tenths with a decimal point.
std::string_view format_arguments(std::span<char> out, std::string_view pattern,
                                  std::span<const FormatArgument> arguments);

template <class... Arguments>
std::string_view format(std::span<char> out, std::string_view pattern,
                        const Arguments&... arguments) {
    const std::array<FormatArgument, sizeof...(Arguments)> list{FormatArgument(arguments)...};
    return format_arguments(out, pattern, list);
}

} // namespace baton
