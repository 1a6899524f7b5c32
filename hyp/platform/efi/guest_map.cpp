// SPDX-License-Identifier: BSD-2-Clause
#include "hyp/platform/efi/guest_map.hpp"

#include "hyp/platform/efi/map_editor.hpp"

#include <algorithm>

namespace baton::efi {

namespace {

/// Is it free once boot services have ended?
bool is_freed(const MemoryDescriptor& piece) {
    switch (piece.type) {
    case memory_type::loader_code:
    case memory_type::loader_data:
    case memory_type::boot_services_code:
    case memory_type::boot_services_data:
        return true;
    default:
        return false;
    }
}

/// Does any kernel use it, without being told to?
bool is_free(const MemoryDescriptor& piece) {
    return (is_freed(piece) || piece.type == memory_type::conventional) &&
           !piece.has(memory_attribute::specific_purpose);
}

/// May a kernel come to use it, today or by an option?
bool is_for_kernels(const MemoryDescriptor& piece) {
    return is_freed(piece) || piece.type == memory_type::conventional ||
           piece.type == memory_type::persistent || piece.type == memory_type::unaccepted;
}

PhysRange range_of(const MemoryDescriptor& piece) {
    return {{piece.physical_start}, piece.pages * page_size};
}

void reserve(MemoryDescriptor& piece) {
    piece.type = memory_type::reserved;
    piece.attribute &= ~memory_attribute::runtime;
}

class GuestMapWriter {
  public:
    GuestMapWriter(const GuestMapRequest& request, std::span<MemoryDescriptor> room)
        : request_{request}, map_{room} {}

    Result<usize> run(const MemoryMapView& firmware) {
        const bool fits = copy(firmware, true) && copy(firmware, false) && free_pieces() &&
                          take_out_rest() && reserve_ranges() && add_view();
        if (!fits) {
            return std::unexpected(Error::no_room);
        }
        for (MemoryDescriptor& piece : map_.pieces()) {
            piece.virtual_start = piece.has(memory_attribute::runtime) ? piece.physical_start : 0;
        }
        map_.merge();
        return map_.pieces().size();
    }

  private:
    bool copy(const MemoryMapView& firmware, bool for_kernels) {
        bool fits = true;
        for_each_region(firmware, [&](const MemoryDescriptor& descriptor, PhysRange range) {
            if (is_for_kernels(descriptor) == for_kernels) {
                fits = fits && map_.add(range, descriptor.type, descriptor.attribute);
            }
        });
        return fits;
    }

    bool free_pieces() {
        const PhysRange esrt = whole_pages(request_.esrt);
        bool fits = map_.change(esrt, [](MemoryDescriptor&) {}); // Its edges are the map's.
        for (const ReservedRange& kept : request_.kept) {
            fits = fits && map_.change(whole_pages(kept.range), [&](MemoryDescriptor& piece) {
                if (is_free(piece) && !esrt.overlaps(range_of(piece))) {
                    piece.type = memory_type::acpi_reclaim;
                }
            });
        }
        for (MemoryDescriptor& piece : map_.pieces()) {
            if (is_freed(piece) && !esrt.overlaps(range_of(piece))) {
                piece.type = memory_type::conventional;
            }
        }
        return fits;
    }

    bool take_out_rest() {
        if (request_.has_all) {
            return true;
        }
        PhysAddr begin{};
        for (const PhysRange& range : request_.memory) {
            if (!take_out(PhysRange::between(begin, range.begin))) {
                return false;
            }
            begin = range.end();
        }
        return take_out(PhysRange::between(begin, {~u64{0}}));
    }

    bool take_out(PhysRange range) {
        return map_.change(range, [](MemoryDescriptor& piece) {
            if (is_for_kernels(piece)) {
                reserve(piece);
            }
        });
    }

    bool reserve_ranges() {
        return std::ranges::all_of(request_.reserved, [&](PhysRange range) {
            return map_.change(whole_pages(range), [](MemoryDescriptor& piece) {
                if (is_memory(piece)) {
                    reserve(piece);
                }
            });
        });
    }

    /// Every kernel reserves ACPI's tables and maps them, one after another.
    bool add_view() {
        return map_.change(whole_pages(request_.view), [](MemoryDescriptor& piece) {
            piece.type = memory_type::acpi_reclaim;
            piece.attribute &= ~(memory_attribute::runtime | memory_attribute::specific_purpose);
        });
    }

    const GuestMapRequest& request_;
    MapEditor map_;
};

} // namespace

/// A range that is put into the map, or changed in it, adds two pieces at most.
usize most_descriptors(const MemoryMapView& firmware, const GuestMapRequest& request) {
    const usize gaps = request.has_all ? 0 : request.memory.size() + 1;
    return 2 * (firmware.size() + gaps + request.reserved.size() + request.kept.size() + 2);
}

Result<usize> write_guest_map(const MemoryMapView& firmware, const GuestMapRequest& request,
                              std::span<MemoryDescriptor> room) {
    return GuestMapWriter{request, room}.run(firmware);
}

} // namespace baton::efi
