// SPDX-License-Identifier: BSD-2-Clause
#include "arch/arm64/efi/boot_tree.hpp"

#include <cstring>
#include <libfdt.h>

namespace baton::arm64::efi {
namespace {

/// For /chosen's properties, and for 16 bytes to each reservation.
constexpr usize more_room = 64 * KiB;

class Chosen {
  public:
    explicit Chosen(void* fdt) : fdt_{fdt}, node_{fdt_path_offset(fdt, "/chosen")} {
        if (node_ < 0) {
            node_ = fdt_add_subnode(fdt, 0, "chosen");
        }
        good_ = node_ >= 0;
    }

    void set(const char* name, std::span<const std::byte> value) {
        good_ = good_ &&
                fdt_setprop(fdt_, node_, name, value.data(), static_cast<int>(value.size())) == 0;
    }
    void set_u32(const char* name, u32 value) {
        good_ = good_ && fdt_setprop_u32(fdt_, node_, name, value) == 0;
    }
    void set_u64(const char* name, u64 value) {
        good_ = good_ && fdt_setprop_u64(fdt_, node_, name, value) == 0;
    }
    /// @param text need not end in NUL
    void set_text(const char* name, std::string_view text) {
        void* place = nullptr;
        good_ = good_ && fdt_setprop_placeholder(fdt_, node_, name,
                                                 static_cast<int>(text.size() + 1), &place) == 0;
        if (good_) {
            std::memcpy(place, text.data(), text.size());
            static_cast<char*>(place)[text.size()] = '\0';
        }
    }
    bool good() const { return good_; }

  private:
    void* fdt_;
    int node_;
    bool good_ = false;
};

u64 address_of(std::span<const std::byte> bytes) { return reinterpret_cast<u64>(bytes.data()); }

/// Memory nodes count, for it may reserve some of what they name.
bool describes_memory(const void* fdt) {
    constexpr char memory[] = "memory";
    return fdt_node_offset_by_prop_value(fdt, -1, "device_type", memory, sizeof(memory)) >= 0;
}

/// Another's for as long as firmware is called, or its tables are read.
bool is_kept(const MemoryDescriptor& descriptor) {
    switch (descriptor.type) {
    case memory_type::loader_code:
    case memory_type::loader_data:
    case memory_type::boot_services_code:
    case memory_type::boot_services_data:
    case memory_type::conventional:
        return (descriptor.attribute & attribute_runtime) != 0;
    case memory_type::mmio:
    case memory_type::mmio_port_space:
        return false;
    default:
        return descriptor.pages != 0;
    }
}

/// Calls visit(descriptor) for each of them.
template <class Visit>
void for_each_descriptor(const MemoryMap& map, Visit visit) {
    for (usize at = 0; at + sizeof(MemoryDescriptor) <= map.bytes.size() &&
                       map.descriptor_size >= sizeof(MemoryDescriptor);
         at += map.descriptor_size) {
        MemoryDescriptor descriptor;
        std::memcpy(&descriptor, map.bytes.data() + at, sizeof(descriptor));
        visit(descriptor);
    }
}

} // namespace

Attempt<BootTree> BootTree::make(Loader& loader, const Told& told) {
    const void* const firmwares = loader.table(dtb_table_guid);
    const bool usable = firmwares != nullptr && fdt_check_header(firmwares) == 0;
    if (firmwares != nullptr && !usable) {
        loader.say("warning: the firmware's DTB is damaged, and is left out");
    }
    const usize size = (usable ? fdt_totalsize(firmwares) : 0) + more_room;
    // Baton copies it before it gives the memory to anyone.
    const auto memory = loader.pages(memory_type::loader_data, size);
    if (!memory) {
        return refuse(out_of_resources, "there is no memory for a DTB");
    }
    const int room = static_cast<int>(memory->size());
    const int made = usable ? fdt_open_into(firmwares, memory->data(), room)
                            : fdt_create_empty_tree(memory->data(), room);
    BootTree tree{*memory};
    if (made != 0 || !tree.describe(loader, told)) {
        return refuse(load_error, "the firmware's DTB has no room for /chosen, or is damaged");
    }
    return tree;
}

bool BootTree::describe(const Loader& loader, const Told& told) {
    Chosen chosen{memory_.data()};
    if (!told.bootargs.empty()) {
        chosen.set_text("bootargs", told.bootargs);
    }
    if (told.initrd) {
        chosen.set_u64("linux,initrd-start", address_of(*told.initrd));
        chosen.set_u64("linux,initrd-end", address_of(*told.initrd) + told.initrd->size());
    }
    if (told.seed.size() == kaslr_seed_size + rng_seed_size) {
        chosen.set("kaslr-seed", told.seed.first(kaslr_seed_size));
        chosen.set("rng-seed", told.seed.subspan(kaslr_seed_size));
    }
    chosen.set_u64("linux,uefi-system-table", reinterpret_cast<u64>(&loader.system()));
    chosen.set_u32("linux,uefi-secure-boot", static_cast<u32>(told.secure_boot));
    chosen.set_u64("linux,uefi-mmap-start", 0);
    chosen.set_u32("linux,uefi-mmap-size", 0);
    chosen.set_u32("linux,uefi-mmap-desc-size", 0);
    chosen.set_u32("linux,uefi-mmap-desc-ver", 0);
    return chosen.good();
}

void BootTree::finish(const MemoryMap& map) {
    // All of these are there already, at their size.
    Chosen chosen{memory_.data()};
    chosen.set_u64("linux,uefi-mmap-start", address_of(map.bytes));
    chosen.set_u32("linux,uefi-mmap-size", static_cast<u32>(map.bytes.size()));
    chosen.set_u32("linux,uefi-mmap-desc-size", static_cast<u32>(map.descriptor_size));
    chosen.set_u32("linux,uefi-mmap-desc-ver", map.descriptor_version);
    if (describes_memory(memory_.data())) {
        (void)reserve_firmware_memory(memory_.data(), map);
    }
}

bool reserve_firmware_memory(void* fdt, const MemoryMap& map) {
    bool fits = true;
    u64 begin = 0;
    u64 end = 0;
    const auto add = [&] {
        fits = (begin == end || fdt_add_mem_rsv(fdt, begin, end - begin) == 0) && fits;
    };
    // Neighbours of different types are one: Baton and kernels count reservations.
    for_each_descriptor(map, [&](const MemoryDescriptor& descriptor) {
        if (!is_kept(descriptor)) {
            return;
        }
        if (descriptor.physical_start != end) {
            add();
            begin = descriptor.physical_start;
        }
        end = descriptor.physical_start + descriptor.pages * page_size;
    });
    add();
    return fits;
}

} // namespace baton::arm64::efi
