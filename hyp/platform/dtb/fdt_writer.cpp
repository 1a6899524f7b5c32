// SPDX-License-Identifier: BSD-2-Clause
#include "hyp/platform/dtb/fdt_writer.hpp"

#include <algorithm>
#include <libfdt.h>

namespace baton {

namespace {

/// Returns what is left behind the text and its NUL, which is there already: `place` is zeroed, or
/// empty after an error.
std::span<std::byte> put(std::span<std::byte> place, std::string_view text) {
    if (place.empty()) {
        return place;
    }
    std::transform(text.begin(), text.end(), place.begin(),
                   [](char c) { return static_cast<std::byte>(c); });
    return place.subspan(text.size() + 1);
}

} // namespace

void CellWriter::put(u32 cells, u64 value) {
    const usize size = std::min<usize>(cells * 4, rest_.size());
    for (usize i = 0; i < size; i++) {
        const usize shift = 8 * (cells * 4 - 1 - i);
        rest_[i] = static_cast<std::byte>(shift < 64 ? value >> shift : 0);
    }
    rest_ = rest_.subspan(size);
}

FdtWriter::FdtWriter(std::span<std::byte> buffer) : buffer_{buffer} {
    // Names are not shared between properties: to search for each costs more than the room it
    // saves.
    check(fdt_create_with_flags(buffer_.data(), static_cast<int>(buffer_.size()),
                                FDT_CREATE_FLAG_NO_NAME_DEDUP));
}

bool FdtWriter::check(int result) {
    failed_ = failed_ || result < 0;
    return !failed_;
}

void FdtWriter::add_reservation(PhysRange range) {
    if (!failed_) {
        check(fdt_add_reservemap_entry(buffer_.data(), range.begin.value, range.size));
    }
}

void FdtWriter::begin_tree(u32 boot_cpu) {
    if (!failed_ && check(fdt_finish_reservemap(buffer_.data()))) {
        fdt_set_boot_cpuid_phys(buffer_.data(), boot_cpu);
    }
}

void FdtWriter::begin_node(const char* name) {
    if (!failed_) {
        check(fdt_begin_node(buffer_.data(), name));
    }
}

void FdtWriter::end_node() {
    if (!failed_) {
        check(fdt_end_node(buffer_.data()));
    }
}

std::span<std::byte> FdtWriter::property(const char* name, usize size) {
    void* value = nullptr;
    if (failed_ || size > buffer_.size() ||
        !check(fdt_property_placeholder(buffer_.data(), name, static_cast<int>(size), &value))) {
        failed_ = true;
        return {};
    }
    return {static_cast<std::byte*>(value), size};
}

void FdtWriter::property(const char* name, Bytes value) {
    const auto place = property(name, value.size());
    std::copy_n(value.begin(), place.size(), place.begin());
}

std::span<std::byte> FdtWriter::string(const char* name, std::string_view text) {
    const auto place = property(name, text.size() + 1);
    put(place, text);
    return place;
}

void FdtWriter::strings(const char* name, std::initializer_list<std::string_view> texts) {
    usize size = 0;
    for (std::string_view text : texts) {
        size += text.size() + 1;
    }
    auto place = property(name, size);
    for (std::string_view text : texts) {
        place = put(place, text);
    }
}

void FdtWriter::cells(const char* name, u32 count, u64 value) {
    CellWriter{property(name, count * 4)}.put(count, value);
}

Result<usize> FdtWriter::finish() {
    if (failed_ || !check(fdt_finish(buffer_.data()))) {
        return std::unexpected(Error::no_room);
    }
    return fdt_totalsize(buffer_.data());
}

} // namespace baton
