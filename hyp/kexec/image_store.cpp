// SPDX-License-Identifier: BSD-2-Clause
#include "hyp/kexec/image_store.hpp"

#include "hyp/machine.hpp"

#include <cstring>

namespace baton {
namespace {

std::span<std::byte> bytes_of(PhysRange range) {
    return {machine::bytes(range.begin), static_cast<usize>(range.size)};
}

void copy(PhysRange to, PhysRange from) {
    std::memcpy(machine::bytes(to.begin), machine::bytes(from.begin), from.size);
}

} // namespace

void ImageStore::init(const Setup& setup) {
    setup_ = setup;
    seeds_.init({setup.platform->seed.data(), setup.platform->seed.size()});
    if (!setup.rotate) {
        return;
    }
    for (const BootImage& image : setup.platform->boot_images) {
        // As many entries as two for each of the platform's boot images: never full.
        (void)kept_.push(image.kernel);
        if (image.ramdisk) {
            (void)kept_.push(*image.ramdisk);
        }
    }
}

const BootImage& ImageStore::in_turn() {
    const auto& images = setup_.platform->boot_images;
    const BootImage& image = images[next_boot_image_];
    next_boot_image_ = (next_boot_image_ + 1) % images.size();
    return image;
}

Result<StagedImage> ImageStore::stage_first() { return stage_boot_image(in_turn(), running_slot_); }

Result<void> ImageStore::stage_next() {
    auto staged = stage_boot_image(in_turn(), spare_slot());
    if (!staged) {
        return std::unexpected(staged.error());
    }
    staged_ = *staged;
    return {};
}

Result<StagedImage> ImageStore::stage_boot_image(const BootImage& image, u32 slot) {
    const auto info = parse_image(bytes_of(image.kernel), setup_.granules);
    if (!info) {
        return std::unexpected(info.error());
    }
    const auto place =
        place_in_slot(setup_.layout.slots[slot], *info, image.ramdisk ? image.ramdisk->size : 0);
    if (!place) {
        return std::unexpected(place.error());
    }
    copy(place->kernel, {image.kernel.begin, info->file_size});
    if (image.ramdisk) {
        copy(*place->initrd, *image.ramdisk);
    }

    const auto& platform = *setup_.platform;
    const auto memory =
        guest_memory(setup_.layout, slot, {platform.ram.begin(), platform.ram.end()},
                     {platform.reserved.begin(), platform.reserved.end()}, kept_modules());
    if (!memory) {
        return std::unexpected(memory.error());
    }
    StagedImage staged{
        .slot = slot, .entry = to_guest(place->kernel.begin), .dtb = to_guest(place->dtb.begin)};
    const GuestDtbRequest request{.memory = {memory->begin(), memory->end()},
                                  .bootargs = image.bootargs,
                                  .initrd = place->initrd,
                                  .seed = seeds_.draw()};
    if (auto built =
            build_guest_dtb(setup_.firmware_dtb, request, bytes_of(place->dtb), staged.dtb_fields);
        !built) {
        return std::unexpected(built.error());
    }

    for (const CpuId cpu : excluded_) {
        disable_cpu(staged, cpu);
    }
    if (!machine::prepare_memory(slot, {memory->begin(), memory->end()})) {
        return std::unexpected(Error::no_room);
    }
    machine::publish_image(place->kernel);
    if (place->initrd) {
        machine::publish_bytes(*place->initrd);
    }
    machine::publish_bytes({place->dtb.begin, staged.dtb_fields.size});
    return staged;
}

StagedImage ImageStore::consume() {
    const StagedImage image = *staged_;
    staged_.reset();
    running_slot_ = image.slot;
    return image;
}

void ImageStore::disable_cpu(const StagedImage& image, CpuId cpu) {
    const PhysRange dtb{to_phys(image.dtb), image.dtb_fields.size};
    const u32 offset = image.dtb_fields.cpu_status[index(cpu)];
    baton::disable_cpu(bytes_of(dtb), offset);
    machine::publish_bytes({dtb.begin + offset, 16});
}

} // namespace baton
