// SPDX-License-Identifier: BSD-2-Clause
#include "arch/arm64/efi/load_options.hpp"

#include <algorithm>
#include <cstring>

namespace baton::arm64::efi {
namespace {

constexpr std::string_view initrd_word = "initrd=";

constexpr bool is_blank(char32_t c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }
constexpr bool is_high_surrogate(char32_t c) { return c >= 0xd800 && c < 0xdc00; }
constexpr bool is_low_surrogate(char32_t c) { return c >= 0xdc00 && c < 0xe000; }

class TextWriter {
  public:
    explicit TextWriter(std::span<char> to) : to_{to} {}

    /// RFC 3629, 3.
    bool put(char32_t c) {
        if (c < 0x80) {
            return put_byte(c);
        }
        if (c < 0x800) {
            return put_byte(0xc0 | c >> 6) && put_tail(c, 0);
        }
        if (c < 0x1'0000) {
            return put_byte(0xe0 | c >> 12) && put_tail(c, 6) && put_tail(c, 0);
        }
        return put_byte(0xf0 | c >> 18) && put_tail(c, 12) && put_tail(c, 6) && put_tail(c, 0);
    }
    std::string_view text() const { return {to_.data(), size_}; }

  private:
    bool put_byte(char32_t byte) {
        if (size_ == to_.size()) {
            return false;
        }
        to_[size_++] = static_cast<char>(byte);
        return true;
    }
    bool put_tail(char32_t c, unsigned shift) { return put_byte(0x80 | (c >> shift & 0x3f)); }

    std::span<char> to_;
    usize size_ = 0;
};

/// A NUL-terminated string, to where `most` ends.
std::span<const char16_t> terminated(const char16_t* text, usize most) {
    return {text, std::find(text, text + most, u'\0')};
}

/// The words behind the program's name, with a blank between them.
std::optional<std::string_view> shell_words(const ShellParameters& shell, std::span<char> text) {
    usize size = 0;
    for (usize i = 1; i < shell.count; i++) {
        const auto room = text.subspan(size);
        const auto word = to_utf8(terminated(shell.arguments[i], text.size()), room);
        if (!word || word->size() == room.size()) {
            return std::nullopt;
        }
        size += word->size();
        text[size++] = ' ';
    }
    return std::string_view{text.data(), size};
}

} // namespace

std::optional<std::string_view> to_utf8(std::span<const char16_t> from, std::span<char> to) {
    TextWriter writer{to};
    for (usize i = 0; i < from.size() && from[i] != u'\0'; i++) {
        char32_t c = from[i];
        if (is_high_surrogate(c) && i + 1 < from.size() && is_low_surrogate(from[i + 1])) {
            c = 0x1'0000 + ((c - 0xd800) << 10) + (from[++i] - 0xdc00U);
        } else if (is_high_surrogate(c) || is_low_surrogate(c)) {
            return std::nullopt;
        }
        if ((c < 0x20 && !is_blank(c)) || c == 0x7f || !writer.put(c)) {
            return std::nullopt;
        }
    }
    return writer.text();
}

LoadOptions split_initrd(std::span<char> words) {
    LoadOptions result;
    usize kept = 0;
    for (usize at = 0; at < words.size();) {
        if (is_blank(static_cast<unsigned char>(words[at]))) {
            at++;
            continue;
        }
        usize end = at;
        while (end < words.size() && !is_blank(static_cast<unsigned char>(words[end]))) {
            end++;
        }
        const std::string_view word{words.data() + at, end - at};
        if (word.starts_with(initrd_word)) {
            // To the end of the room: what is kept never reaches it.
            std::rotate(words.begin() + static_cast<std::ptrdiff_t>(at),
                        words.begin() + static_cast<std::ptrdiff_t>(end), words.end());
            const std::string_view moved{words.data() + words.size() - word.size(), word.size()};
            result.initrd = moved.substr(initrd_word.size());
            words = words.first(words.size() - word.size());
            continue;
        }
        if (kept != 0) {
            words[kept++] = ' ';
        }
        std::memmove(words.data() + kept, words.data() + at, word.size());
        kept += word.size();
        at = end;
    }
    result.words = {words.data(), kept};
    return result;
}

Attempt<LoadOptions> read_load_options(const Loader& loader, std::span<char> text) {
    const auto* image = loader.protocol_of<LoadedImage>(loader.image(), loaded_image_guid);
    if (image == nullptr) {
        return refuse(invalid_parameter, "the firmware does not say where it loaded Baton from");
    }
    std::optional<std::string_view> words;
    if (const auto* shell =
            loader.protocol_of<ShellParameters>(loader.image(), shell_parameters_guid)) {
        words = shell_words(*shell, text);
    } else if (image->options != nullptr) {
        words = to_utf8(std::span{static_cast<const char16_t*>(image->options),
                                  image->options_size / sizeof(char16_t)},
                        text);
    }
    if (!words) {
        if (image->options_size != 0) {
            loader.say("warning: the load options are no text, or longer than 4096 bytes, and are "
                       "left out");
        }
        return LoadOptions{};
    }
    return split_initrd(text.first(words->size()));
}

} // namespace baton::arm64::efi
