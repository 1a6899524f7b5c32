// SPDX-License-Identifier: BSD-2-Clause
#include "hyp/platform/guest/guest_description.hpp"

#include "hyp/platform/dtb/fdt_writer.hpp"
#include "hyp/platform/efi/view.hpp"
#include "hyp/platform/guest/guest_dtb.hpp"

namespace baton {

namespace {

/// In the place of "okay", which is as long.
Changes write_fail(std::span<std::byte> dtb, u32 offset) {
    constexpr std::array fail{'f', 'a', 'i', 'l'};
    return write_at(dtb, offset, fail) ? Changes{Touched{offset, sizeof(fail)}} : Changes{};
}

Changes write_reservation(std::span<std::byte> dtb, u32 offset, PhysRange range) {
    if (!holds(dtb, offset, reservation_size)) {
        return {};
    }
    CellWriter entry{dtb.subspan(offset, reservation_size)};
    entry.put(2, range.begin.value);
    entry.put(2, range.size);
    return {Touched{offset, reservation_size}};
}

bool is_dtb(const GuestDescription& description) {
    return description.form == GuestDescription::Form::dtb;
}

} // namespace

Changes disable_cpu(std::span<std::byte> bytes, const GuestDescription& description, u32 number) {
    const u32 offset = number < max_cpus ? description.cpu_status[number] : 0;
    if (offset == 0) {
        return {};
    }
    return is_dtb(description) ? write_fail(bytes, offset)
                               : efi::disable_cpu(bytes, description.madt, offset);
}

Changes disable_message_controller(std::span<std::byte> bytes, const GuestDescription& description,
                                   u32 at) {
    if (at >= description.message_controller_status.size()) {
        return {};
    }
    const u32 offset = description.message_controller_status[at];
    return is_dtb(description) ? write_fail(bytes, offset)
                               : efi::disable_message_controller(bytes, description.madt, offset);
}

Changes reserve_in_place(std::span<std::byte> bytes, const GuestDescription& description, u32 at,
                         PhysRange range) {
    const u32 first = description.spare_reservations;
    return is_dtb(description) ? write_reservation(bytes, first + at * reservation_size, range)
                               : efi::reserve_in_place(bytes, first, at, range);
}

} // namespace baton
