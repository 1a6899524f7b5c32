// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/types.hpp"

#include <array>
#include <string_view>

namespace baton {

/// Gathers a line of what a VM prints, without all that would move a terminal's cursor or change
/// its state: control characters but the tabulator, and escape sequences (ECMA-48, 5.3 to 5.6).
class PlainLine {
  public:
    /// A longer line is cut into pieces of this many characters.
    static constexpr usize longest = 200;

    /// True: `text` is a line, or a piece of one, and is to be put out and cleared.
    [[nodiscard]] bool take(char c) {
        if (!is_text(c)) {
            return false;
        }
        if (c == '\n') {
            const bool ended_by_cut = was_cut_;
            was_cut_ = false;
            return !ended_by_cut;
        }
        text_[size_++] = c;
        was_cut_ = size_ == longest;
        return was_cut_;
    }

    std::string_view text() const { return {text_.data(), size_}; }
    void clear() { size_ = 0; }
    /// Forgets the sequence that it is in as well: somebody else prints from now on.
    void restart() {
        size_ = 0;
        was_cut_ = false;
        state_ = State::text;
    }

  private:
    enum class State {
        text,
        escape,  ///< after ESC
        control, ///< a control sequence, up to its final character
        string,  ///< a command string, up to BEL or ESC \.
    };

    /// A line feed ends any sequence: one that never ends costs its own line alone.
    bool is_text(char c) {
        constexpr char bel = 0x07, can = 0x18, sub = 0x1a, esc = 0x1b, del = 0x7f;
        if (c == '\n' || c == can || c == sub) {
            state_ = State::text;
            return c == '\n';
        }
        if (c == esc) {
            state_ = State::escape;
            return false;
        }
        switch (state_) {
        case State::text:
            return c == '\t' || (static_cast<u8>(c) >= ' ' && c != del);
        case State::escape:
            state_ = c == '['                                ? State::control
                     : std::string_view{"]PX^_"}.contains(c) ? State::string
                     : static_cast<u8>(c) < '0'              ? State::escape
                                                             : State::text;
            return false;
        case State::control:
            state_ = c >= '@' && c < del ? State::text : State::control;
            return false;
        case State::string:
            state_ = c == bel ? State::text : State::string;
            return false;
        }
        __builtin_unreachable();
    }

    std::array<char, longest> text_{};
    usize size_ = 0;
    bool was_cut_ = false; ///< a line feed now ends a line that has been put out
    State state_ = State::text;
};

} // namespace baton
