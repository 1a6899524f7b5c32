// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/types.hpp"

#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

/// Bundles for the tests, written by other hands than those that tools/bundle has.
namespace baton::test {

using ByteVector = std::vector<std::byte>;

inline ByteVector bytes_of(std::string_view text) {
    ByteVector bytes(text.size());
    std::memcpy(bytes.data(), text.data(), text.size());
    return bytes;
}

struct TestSection {
    std::string name;
    u32 size_in_memory;
    u32 address;
    u32 size_in_file;
    u32 offset;
};

inline void put(ByteVector& to, usize offset, u64 value, usize size) {
    if (to.size() < offset + size) {
        to.resize(offset + size);
    }
    for (usize i = 0; i < size; i++) {
        to[offset + i] = static_cast<std::byte>(value >> 8 * i);
    }
}

/// The head of a PE file with these sections.
inline ByteVector pe_head(const std::vector<TestSection>& sections, u32 pe = 0x40,
                          u16 optional_size = 160) {
    ByteVector head(pe);
    put(head, 0, 0x5a4d, 2);
    put(head, 0x3c, pe, 4);
    put(head, pe, 0x4550, 4);
    put(head, pe + 4, 0xaa64, 2);
    put(head, pe + 6, sections.size(), 2);
    put(head, pe + 20, optional_size, 2);
    const usize table = pe + 24 + optional_size;
    head.resize(table);
    for (usize i = 0; i < sections.size(); i++) {
        const TestSection& section = sections[i];
        const usize at = table + 40 * i;
        head.resize(at + 40);
        std::memcpy(head.data() + at, section.name.data(), section.name.size());
        put(head, at + 8, section.size_in_memory, 4);
        put(head, at + 12, section.address, 4);
        put(head, at + 16, section.size_in_file, 4);
        put(head, at + 20, section.offset, 4);
    }
    return head;
}

/// One entry of a newc archive.
inline ByteVector cpio_entry(const std::string& name, std::string_view content,
                             unsigned mode = 0100644) {
    char header[111];
    (void)std::snprintf(header, sizeof(header),
                        "070701%08x%08x%08x%08x%08x%08x%08zx%08x%08x%08x%08x%08zx%08x", 1U, mode,
                        0U, 0U, 1U, 0U, content.size(), 0U, 0U, 0U, 0U, name.size() + 1, 0U);
    std::string entry = header + name + '\0';
    entry.resize((entry.size() + 3) / 4 * 4);
    entry += content;
    entry.resize((entry.size() + 3) / 4 * 4);
    return bytes_of(entry);
}

inline ByteVector joined(const std::vector<ByteVector>& pieces) {
    ByteVector all;
    for (const ByteVector& piece : pieces) {
        all.insert(all.end(), piece.begin(), piece.end());
    }
    return all;
}

inline ByteVector cpio_end() { return cpio_entry("TRAILER!!!", "", 0); }

} // namespace baton::test
