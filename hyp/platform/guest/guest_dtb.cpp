// SPDX-License-Identifier: BSD-2-Clause
#include "hyp/platform/guest/guest_dtb.hpp"

#include "hyp/platform/guest/guest_dtb_builder.hpp"
#include "hyp/platform/parse/parse.hpp"

#include <algorithm>
#include <libfdt.h>

namespace baton {

Result<> GuestDtbBuilder::run() {
    if (auto result = filter_.prepare(); !result) {
        return result;
    }
    write_reservations();
    writer_.begin_tree(fdt_boot_cpuid_phys(source_.data()));
    if (auto result = copy_tree(); !result) {
        return result;
    }
    const auto size = writer_.finish();
    if (!size) {
        return std::unexpected(size.error());
    }
    result_.size = *size;
    const auto* const header = reinterpret_cast<const fdt_header*>(writer_.begin());
    const auto entries = static_cast<u32>(fdt_num_mem_rsv(header)); // up to the first empty one
    result_.spare_reservations = fdt_off_mem_rsvmap(header) + reservation_size * entries;
    return {};
}

void GuestDtbBuilder::write_reservations() {
    for (u32 i = 0; i < source_.reservation_count(); i++) {
        const auto range = source_.reservation(i);
        if (range && !is_loaders_initrd(source_, *range) &&
            (!filter_.is_further_vm() || filter_.is_in_memory(*range))) {
            writer_.add_reservation(*range);
        }
    }
    for (const PhysRange& range : request_.reserved) {
        writer_.add_reservation(range);
    }
    for (u32 i = 0; i < request_.spare_reservations; i++) {
        writer_.add_reservation({});
    }
}

Result<> GuestDtbBuilder::copy_tree() {
    const void* fdt = source_.data();
    int next = 0;
    for (int offset = 0;; offset = next) {
        switch (fdt_next_tag(fdt, offset, &next)) {
        case FDT_BEGIN_NODE:
            if (const FdtNode node{fdt, offset};
                !open_.empty() && filter_.drops(node, current().kind)) {
                next = node.end_offset();
            } else if (!enter(node)) {
                return std::unexpected(Error::too_many);
            }
            break;
        case FDT_PROP:
            if (const FdtProperty property = source_.property_at(offset);
                filter_.keeps(property, current().node, current().kind)) {
                writer_.property(property.name, property.value);
            }
            break;
        case FDT_END_NODE:
            leave();
            break;
        case FDT_NOP:
            break;
        default: // FDT_END
            return {};
        }
    }
}

/// False: nested too deep.
bool GuestDtbBuilder::enter(FdtNode node) {
    const NodeKind kind = open_.empty() ? NodeKind::root : filter_.kind_of(node, current().kind);
    writer_.begin_node(node.name().data());
    write_own_properties(node, kind);
    return open_.push({node, kind});
}

void GuestDtbBuilder::leave() {
    if (current().kind == NodeKind::chosen) {
        write_modules();
    } else if (current().kind == NodeKind::root) {
        write_own_nodes();
    }
    writer_.end_node();
    open_.erase(open_.size() - 1);
}

Result<void> build_guest_dtb(std::span<const std::byte> firmware, const GuestRequest& request,
                             std::span<std::byte> buffer, GuestDtb& result) {
    const auto source = Fdt::open(firmware);
    if (!source) {
        return std::unexpected(source.error());
    }
    result.form = GuestDescription::Form::dtb;
    result.size = 0;
    result.dtb = 0;
    result.cpu_count = 0;
    result.cpu_status = {};
    result.message_controller_status.clear();
    result.scratch.hidden.clear();
    result.scratch.core.clear();
    FdtWriter writer{buffer.first(std::min<usize>(buffer.size(), max_dtb_size))};
    return GuestDtbBuilder{*source, request, writer, result}.run();
}

} // namespace baton
