// SPDX-License-Identifier: BSD-2-Clause
#include "hyp/platform/bundle/sections.hpp"

#include <algorithm>

namespace baton {

namespace {

constexpr usize offset_of_pe_offset = 0x3c;
constexpr u64 pe_signature = 0x0000'4550; // "PE\0\0"
constexpr u64 dos_signature = 0x5a4d;     // "MZ"
constexpr usize file_header_size = 24;    // with the signature
constexpr usize section_header_size = 40;
constexpr usize name_size = 8;

/// @param size at most 8, and within the bytes
u64 little_endian(Bytes bytes, usize offset, usize size) {
    u64 value = 0;
    for (usize i = size; i-- > 0;) {
        value = value << 8 | std::to_integer<u64>(bytes[offset + i]);
    }
    return value;
}

} // namespace

std::optional<SectionTable> SectionTable::open(Bytes head) {
    if (!holds(head, 0, offset_of_pe_offset + 4) || little_endian(head, 0, 2) != dos_signature) {
        return std::nullopt;
    }
    const u64 pe = little_endian(head, offset_of_pe_offset, 4);
    if (!holds(head, pe, file_header_size) || little_endian(head, pe, 4) != pe_signature) {
        return std::nullopt;
    }
    const u64 count = little_endian(head, pe + 6, 2);
    const u64 table = pe + file_header_size + little_endian(head, pe + 20, 2);
    if (!holds(head, table, count * section_header_size)) {
        return std::nullopt;
    }
    return SectionTable{head.subspan(table, count * section_header_size), static_cast<u32>(count)};
}

std::optional<SectionTable::Section> SectionTable::operator[](u32 at) const {
    const Bytes header = table_.subspan(at * section_header_size, section_header_size);
    const u64 size_in_memory = little_endian(header, 8, 4);
    const u64 address = little_endian(header, 12, 4);
    const u64 size_in_file = little_endian(header, 16, 4);
    const u64 offset = little_endian(header, 20, 4);
    const u64 size = std::min(size_in_memory, size_in_file);
    if (address != offset || size == 0 || offset + size > ~u32{0}) {
        return std::nullopt;
    }
    const std::string_view name{reinterpret_cast<const char*>(header.data()), name_size};
    return Section{name.substr(0, std::min(name.find('\0'), name_size)), offset, size};
}

} // namespace baton
