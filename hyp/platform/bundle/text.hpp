// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/platform/platform.hpp"

#include <optional>
#include <string_view>

namespace baton {

/// Puts a bundle's command lines into Platform::text: where they came, memory is soon a guest's.
class BundleText {
  public:
    explicit BundleText(Platform& platform) : text_{platform.text} {}

    /// What lies there up to a NUL, in one line, without blanks around it. Empty: nothing does.
    std::string_view read(const std::optional<PhysRange>& range);
    /// Both with a blank between them, if neither is empty.
    std::string_view joined(std::string_view first, std::string_view second);
    /// The words that are neither Baton's options nor what a loader says of itself.
    std::string_view guest_words(std::string_view words);

    /// Did not all of it fit?
    bool is_cut() const { return cut_; }

  private:
    void put(char c) { cut_ = !text_.push(c) || cut_; }
    void put(std::string_view text);
    std::string_view since(usize begin) const {
        return {text_.data() + begin, text_.size() - begin};
    }

    PlatformText& text_;
    bool cut_ = false;
};

} // namespace baton
