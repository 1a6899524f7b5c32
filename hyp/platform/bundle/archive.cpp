// SPDX-License-Identifier: BSD-2-Clause
#include "hyp/platform/bundle/archive.hpp"

#include <algorithm>

namespace baton {

namespace {

constexpr std::string_view magic = "070701";
constexpr std::string_view magic_with_sums = "070702";
constexpr std::string_view trailer = "TRAILER!!!";
constexpr usize number_size = 8;
constexpr usize header_size = magic.size() + 13 * number_size;
constexpr u64 alignment = 4;

/// Which of the header's numbers, from 0.
enum Field : usize { mode = 1, file_size = 6, name_size = 11 };

constexpr u64 type_mask = 0170000;
constexpr u64 regular_file = 0100000;

std::string_view text(Bytes bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::optional<u64> hexadecimal(std::string_view digits) {
    u64 value = 0;
    for (const char c : digits) {
        const bool is_decimal = c >= '0' && c <= '9';
        const char lower = static_cast<char>(c | 0x20);
        if (!is_decimal && (lower < 'a' || lower > 'f')) {
            return std::nullopt;
        }
        value = value << 4 | static_cast<u64>(is_decimal ? c - '0' : lower - 'a' + 10);
    }
    return value;
}

std::optional<u64> number(std::string_view header, Field field) {
    return hexadecimal(header.substr(magic.size() + field * number_size, number_size));
}

bool has_magic(std::string_view header) {
    return header.starts_with(magic) || header.starts_with(magic_with_sums);
}

} // namespace

struct ArchiveReader::Entry {
    std::string_view name;
    bool is_file;
    u64 offset;
    u64 size;
};

bool ArchiveReader::is_archive(Bytes bytes) { return has_magic(text(bytes)); }

void ArchiveReader::skip_zeros() {
    while (at_ < archive_.size() && archive_[at_] == std::byte{}) {
        at_++;
    }
}

std::optional<ArchiveReader::Entry> ArchiveReader::take_entry() {
    const std::string_view all = text(archive_);
    if (all.size() - at_ < header_size || !has_magic(all.substr(at_))) {
        return std::nullopt;
    }
    const std::string_view header = all.substr(at_, header_size);
    const auto kind = number(header, mode);
    const auto size = number(header, file_size);
    const auto name_length = number(header, name_size); // with its NUL
    if (!kind || !size || !name_length || *name_length == 0) {
        return std::nullopt;
    }
    // None of these sums wraps: each number has 32 bits.
    const u64 name_at = at_ + header_size;
    const u64 data_at = align_up(name_at + *name_length, alignment);
    if (data_at > all.size() || *size > all.size() - data_at) {
        return std::nullopt;
    }
    at_ = std::min<u64>(align_up(data_at + *size, alignment), all.size());
    return Entry{all.substr(name_at, *name_length - 1), (*kind & type_mask) == regular_file,
                 data_at, *size};
}

std::optional<ArchiveReader::File> ArchiveReader::take() {
    for (;;) {
        skip_zeros();
        if (!whole_ || at_ == archive_.size()) {
            return std::nullopt;
        }
        const auto entry = take_entry();
        if (!entry) {
            whole_ = false;
            return std::nullopt;
        }
        if (!entry->is_file || entry->name == trailer) {
            continue;
        }
        std::string_view name = entry->name;
        if (name.starts_with("./")) {
            name.remove_prefix(2);
        }
        return File{name, entry->offset, entry->size};
    }
}

} // namespace baton
