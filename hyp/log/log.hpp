// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/log/format.hpp"

#include <atomic>

#include <algorithm>

/// What Baton has to say: lines that begin with "baton: ", kept in a ring in memory. ASCII: any
/// other character is kept as '?'.
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
void detach_console();

/// Writes what has been logged since the last output, up to a line that another CPU is writing just
/// now: that one comes next time.
void flush();

/// The same where there is no next time: of a line that is not complete what there is.
void flush_all();

/// What becomes of characters that were announced but are not written yet.
enum class Gaps {
    stop, ///< they end what is read
    show, ///< they read as '?': their writer may be lost
};

/// Copies what was logged from `position` on. Any CPU, at any time; it neither locks nor waits.
/// @param position bytes since boot; moves on to the oldest byte that is still there
/// @return bytes
usize copy_out(u64& position, std::span<char> to, Gaps gaps = Gaps::stop);

/// Calls `piece(text)`, as often as it takes, with what was logged from `position` on, at most
/// `room` bytes.
/// @param position as for copy_out
template <class Piece>
void read(u64& position, u64 room, Piece piece, Gaps gaps = Gaps::stop) {
    std::array<char, 256> buffer;
    u64 at = position;
    for (bool first = true; room != 0; first = false) {
        u64 begin = at;
        const usize size =
            copy_out(begin, std::span{buffer}.first(std::min<usize>(buffer.size(), room)), gaps);
        if (first) {
            position = begin;
        }
        if (size == 0 || (!first && begin != at)) {
            return; // all, or the writers have overtaken it
        }
        piece(std::string_view{buffer.data(), size});
        at = begin + size;
        room -= size;
    }
}

void append_line(std::string_view line);

/// Logs one line. Any CPU, at any time; it neither locks nor waits.
template <class... Arguments>
void line(std::string_view pattern, const Arguments&... arguments) {
    std::array<char, 200> buffer;
    append_line(format(buffer, pattern, arguments...));
}

/// How many lines a guest may still cause: the log is the administrator's, not a guest's to fill.
class Budget {
  public:
    /// False: no more.
    bool take() {
        return used_.load(std::memory_order_relaxed) < most &&
               used_.fetch_add(1, std::memory_order_relaxed) < most;
    }

  private:
    static constexpr u32 most = 8;
    std::atomic<u32> used_{0};
};

/// As `line`, for what a guest can do as often as it likes: the first few times only.
template <class... Arguments>
void line_by_guest(Budget& budget, std::string_view pattern, const Arguments&... arguments) {
    if (budget.take()) {
        line(pattern, arguments...);
    }
}

} // namespace baton::log
