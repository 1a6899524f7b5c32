// SPDX-License-Identifier: BSD-2-Clause
#include "hyp/platform/efi/view.hpp"

#include "hyp/platform/efi/view_builder.hpp"

#include <cstddef>

/// What changes in a view when a CPU or a controller is lost.
namespace baton::efi {

namespace {

/// Puts `value` into a table, whose checksum follows.
template <class T>
Changes change(std::span<std::byte> view, u32 table, u32 offset, T value) {
    const u32 checksum = table + offsetof(acpi::TableHeader, checksum);
    if (!holds(view, offset, sizeof(T)) || !holds(view, checksum, 1)) {
        return {};
    }
    const auto place = view.subspan(offset, sizeof(T));
    const auto add_to_checksum = [&](int sign) {
        auto sum = std::to_integer<int>(view[checksum]);
        for (const std::byte byte : place) {
            sum += sign * std::to_integer<int>(byte);
        }
        view[checksum] = static_cast<std::byte>(sum);
    };
    add_to_checksum(1);
    (void)write_at(place, 0, value);
    add_to_checksum(-1);
    return {Touched{offset, sizeof(T)}, Touched{checksum, 1}};
}

/// ACPI 6.5, table 5.21: reserved, and kernels skip what they do not know.
constexpr u8 no_type = 0x7f;

} // namespace

Changes disable_cpu(std::span<std::byte> view, u32 madt, u32 flags) {
    return change(view, madt, flags, u32{0});
}

Changes disable_message_controller(std::span<std::byte> view, u32 madt, u32 entry) {
    return change(view, madt, entry, no_type);
}

Changes reserve_in_place(std::span<std::byte> view, u32 first, u32 at, PhysRange range) {
    const u64 block = at / memreserve_block_entries * page_size;
    const u64 offset = first + block + at % memreserve_block_entries * sizeof(MemreserveEntry);
    const MemreserveEntry entry{.base = range.begin.value, .size = range.size};
    return write_at(view, offset, entry) ? Changes{Touched{static_cast<u32>(offset), sizeof(entry)}}
                                         : Changes{};
}

} // namespace baton::efi
