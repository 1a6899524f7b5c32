// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/log/format.hpp"

/// What Baton has to say: lines that begin with "baton: ", kept in a ring in memory.
///
/// Until the first guest is entered each line also goes to the console at once. From then on the
/// UART is the guest's: lines wait in the ring until `flush` finds a moment when no guest is using
/// it (power-off, reset, panic).
namespace baton::log {

/// Writes text to the machine's console, polling with a bound.
using ConsoleWriter = void (*)(std::string_view text);

/// Lines go to `writer` from now on, first those that are in the ring already.
void attach_console(ConsoleWriter writer);

/// Ends the immediate output: the console is the guest's.
void release_console();

/// Writes what has been logged since the last output. One CPU at a time.
void flush();

/// A stretch of the ring, which may wrap once.
struct Window {
    u64 position;
    std::string_view first, second;
};
Window window_from(u64 position, u64 room);

/// Calls `piece(text)`, once or twice, with what was logged from `position` on, at most `room`
/// bytes.
/// @param position bytes since boot; moves on to the oldest byte that is still there
template <class Piece>
void read(u64& position, u64 room, Piece piece) {
    const Window window = window_from(position, room);
    position = window.position;
    for (const std::string_view text : {window.first, window.second}) {
        if (!text.empty()) {
            piece(text);
        }
    }
}

void append_line(std::string_view line);

/// Logs one line. Any CPU, at any time; it neither locks nor waits.
template <class... Arguments>
void line(std::string_view pattern, const Arguments&... arguments) {
    std::array<char, 200> buffer;
    append_line(format(buffer, pattern, arguments...));
}

bool guest_may_cause_a_line();

/// As `line`, for what a guest can do as often as it likes: the first few times only, for the log
/// is the administrator's, not the guest's to fill.
template <class... Arguments>
void line_by_guest(std::string_view pattern, const Arguments&... arguments) {
    if (guest_may_cause_a_line()) {
        line(pattern, arguments...);
    }
}

} // namespace baton::log
