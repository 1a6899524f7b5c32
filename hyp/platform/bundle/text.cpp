// SPDX-License-Identifier: BSD-2-Clause
#include "hyp/platform/bundle/text.hpp"

#include "hyp/arch.hpp"

#include <algorithm>

namespace baton {

namespace {

constexpr std::string_view blanks = " \t\r\n";

/// The first word of `words`, which loses it. Empty at the end.
std::string_view take_word(std::string_view& words) {
    words.remove_prefix(std::min(words.find_first_not_of(blanks), words.size()));
    const std::string_view word = words.substr(0, words.find_first_of(blanks));
    words.remove_prefix(word.size());
    return word;
}

} // namespace

void BundleText::put(std::string_view text) {
    for (const char c : text) {
        put(c);
    }
}

std::string_view BundleText::read(const std::optional<PhysRange>& range) {
    if (!range) {
        return {};
    }
    const auto bytes = arch::loaded_bytes(*range);
    std::string_view all{reinterpret_cast<const char*>(bytes.data()), bytes.size()};
    all = all.substr(0, all.find('\0'));
    const usize begin = text_.size();
    all.remove_prefix(std::min(all.find_first_not_of(blanks), all.size()));
    all = all.substr(0, all.find_last_not_of(blanks) + 1);
    for (const char c : all) {
        put(c == '\n' || c == '\r' ? ' ' : c);
    }
    return since(begin);
}

std::string_view BundleText::joined(std::string_view first, std::string_view second) {
    if (first.empty() || second.empty()) {
        return first.empty() ? second : first;
    }
    const usize begin = text_.size();
    put(first);
    put(' ');
    put(second);
    return since(begin);
}

std::string_view BundleText::guest_words(std::string_view words) {
    const usize begin = text_.size();
    for (std::string_view word = take_word(words); !word.empty(); word = take_word(words)) {
        if (word.starts_with("baton.") || word.starts_with("BOOT_IMAGE=")) {
            continue;
        }
        if (text_.size() != begin) {
            put(' ');
        }
        put(word);
    }
    return since(begin);
}

} // namespace baton
