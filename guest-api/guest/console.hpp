// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/log/format.hpp"

/// The PL011 of /chosen/stdout-path.
namespace baton::guest {

void open_console();

/// One text at a time, from any CPU.
void write_console(std::string_view text);

/// `pattern` as hyp/log/format.hpp has it: {} decimal, {x} hexadecimal. At most 240 characters.
template <class... Arguments>
void print(std::string_view pattern, const Arguments&... arguments) {
    std::array<char, 240> buffer;
    write_console(format(buffer, pattern, arguments...));
}

} // namespace baton::guest
