// SPDX-License-Identifier: BSD-2-Clause
#include "hyp/kexec/image_store.hpp"

#include "hyp/arch.hpp"

#include <algorithm>
#include <cstring>

namespace baton {
namespace {

std::span<std::byte> bytes_of(PhysRange range) {
    return {arch::bytes(range.begin), static_cast<usize>(range.size)};
}

std::span<const std::byte> header_of(PhysRange file) {
    return {arch::bytes(file.begin), std::min<usize>(file.size, image_header_size)};
}

void copy(PhysRange to, PhysRange from) {
    std::memcpy(arch::bytes(to.begin), arch::bytes(from.begin), from.size);
}

} // namespace

void ImageStore::init(const Setup& setup) {
    setup_ = setup;
    seeds_.init({setup.platform->seed.data(), setup.platform->seed.size()}, setup.vm);
}

const BootImage& ImageStore::in_turn() {
    const auto images = setup_.boot_images;
    const BootImage& image = images[next_boot_image_];
    next_boot_image_ = (next_boot_image_ + 1) % images.size();
    return image;
}

Result<const StagedImage*> ImageStore::stage_first() {
    const auto staged = stage_boot_image(in_turn(), running_slot_);
    if (!staged) {
        return std::unexpected(staged.error());
    }
    return &by_slot_[index(running_slot_)];
}

Result<void> ImageStore::stage_next() {
    const auto staged = stage_boot_image(in_turn(), spare_slot());
    if (staged) {
        staged_ = &by_slot_[index(spare_slot())];
    }
    return staged;
}

Result<void> ImageStore::stage(const Content& content) {
    const auto staged = finish(content, spare_slot());
    if (staged) {
        staged_ = &by_slot_[index(spare_slot())];
    }
    return staged;
}

Result<> ImageStore::stage_boot_image(const BootImage& image, SlotId slot) {
    const auto info =
        arch::parse_image(header_of(image.kernel), image.kernel.size, setup_.granules);
    if (!info) {
        return std::unexpected(info.error());
    }
    const u64 initrd_size = image.ramdisk ? image.ramdisk->size : 0;
    const auto place = place_in_slot(slots()[index(slot)], *info, {.initrd = initrd_size});
    if (!place) {
        return std::unexpected(place.error());
    }
    copy(place->kernel, {image.kernel.begin, info->file_size});
    arch::publish_bytes(place->kernel);
    if (image.ramdisk) {
        copy(*place->initrd, *image.ramdisk);
        arch::publish_bytes(*place->initrd);
    }
    return finish({.id = new_id(),
                   .size = info->file_size + initrd_size + image.bootargs.size(),
                   .place = *place,
                   .bootargs = image.bootargs,
                   .seed = seeds_.draw()},
                  slot);
}

Result<> ImageStore::finish(const Content& content, SlotId slot) {
    const SlotPlacement& place = content.place;
    if (is_in_use(place)) {
        return std::unexpected(Error::no_room);
    }
    staged_ = nullptr; // what lay there is overwritten
    StagedImage& staged = by_slot_[index(slot)];
    staged.fallback.reset();
    staged.kexec = content.kexec;
    staged.id = content.id;
    staged.size = content.size;
    staged.needs = place.dtb.end() - slots()[index(slot)].begin;
    staged.slot = slot;
    staged.entry = to_guest(place.kernel.begin);
    staged.dtb = to_guest(place.dtb.begin);
    const auto described = content.kexec == Kexec::guest ? describe_guest(content, staged)
                                                         : describe_machine(content, staged);
    if (!described) {
        return std::unexpected(described.error());
    }
    for (const Vcpu* vcpu : excluded_) {
        disable_cpu(staged, *vcpu);
    }
    log_use(staged);
    arch::publish_instructions();
    return {};
}

/// The VM as it is for the next kernel: its DTB and its root.
Result<> ImageStore::describe_guest(const Content& content, StagedImage& staged) {
    const Platform& platform = *setup_.platform;
    const auto known = guest_memory(
        layout(), setup_.vm, staged.slot, {platform.ram.begin(), platform.ram.end()},
        {platform.reserved.begin(), platform.reserved.end()}, setup_.kept_modules, memory_);
    if (!known) {
        return known;
    }
    const GuestDtbRequest request{.spare_reservations = spare_reservations(),
                                  .memory = {memory_.begin(), memory_.end()},
                                  .bootargs = content.bootargs,
                                  .initrd = content.place.initrd,
                                  .seed = content.seed,
                                  .counter_units = setup_.counter_units,
                                  .division = setup_.division,
                                  .vm = setup_.vm,
                                  .console = setup_.console,
                                  .shared = setup_.shared};
    const PhysRange room = content.place.dtb;
    if (auto built =
            build_guest_dtb(setup_.firmware_dtb, request, bytes_of(room), staged.dtb_fields);
        !built) {
        return built;
    }
    arch::publish_bytes({room.begin, staged.dtb_fields.size});
    const bool mapped =
        arch::prepare_memory(setup_.vm, staged.slot, {memory_.begin(), memory_.end()});
    return mapped ? Result<>{} : std::unexpected(Error::no_room);
}

/// The machine as the firmware described it, twice: for a kernel that has all of it, and for one
/// that has to leave Baton's memory to a CPU that did not go. No guest runs in between, so the root
/// maps no memory.
Result<> ImageStore::describe_machine(const Content& content, StagedImage& staged) {
    GuestDtbRequest request{.for_host = true,
                            .modules = content.modules,
                            .spare_reservations = spare_reservations(),
                            .bootargs = content.bootargs,
                            .initrd = content.place.initrd,
                            .seed = content.seed};
    PhysRange waiting_room{};
    if (setup_.spin_table) {
        request.spin_table = setup_.spin_table->table;
        waiting_room = setup_.spin_table->memory;
        request.reserved = {&waiting_room, 1};
    }
    const PhysRange room = content.place.dtb;
    if (auto built =
            build_guest_dtb(setup_.firmware_dtb, request, bytes_of(room), staged.dtb_fields);
        !built) {
        return built;
    }
    const u64 first_size = align_up(staged.dtb_fields.size, page_size);
    const PhysRange rest = PhysRange::between(room.begin + first_size, room.end());
    const PhysRange still_used[]{layout().image, layout().pool};
    request.reserved = still_used;
    if (auto built =
            build_guest_dtb(setup_.firmware_dtb, request, bytes_of(rest), fallback_fields_);
        !built) {
        return built;
    }
    staged.fallback = {.dtb = to_guest(rest.begin),
                       .size = fallback_fields_.size,
                       .shift = fallback_fields_.cpu_status[0] - staged.dtb_fields.cpu_status[0]};
    arch::publish_bytes({room.begin, first_size + fallback_fields_.size});
    return arch::prepare_memory(setup_.vm, staged.slot, {}) ? Result<>{}
                                                            : std::unexpected(Error::no_room);
}

const StagedImage& ImageStore::consume() {
    const StagedImage& image = *staged_;
    staged_ = nullptr;
    running_slot_ = image.slot;
    return image;
}

namespace {

/// Changes each DTB of an image in place: f(bytes, shift), where `shift` is how much further back
/// than GuestDtb says things are, and f returns the offset of 16 bytes that it has changed.
template <class F>
void patch(PhysRange dtb, u32 shift, F f) {
    const u32 offset = f(bytes_of(dtb), shift);
    arch::publish_bytes({dtb.begin + offset, reservation_size});
}
PhysRange first_dtb(const StagedImage& image) {
    return {to_phys(image.dtb), image.dtb_fields.size};
}
template <class F>
void patch_each(const StagedImage& image, F f) {
    patch(first_dtb(image), 0, f);
    if (const auto& fallback = image.fallback) {
        patch({to_phys(fallback->dtb), fallback->size}, fallback->shift, f);
    }
}

} // namespace

void ImageStore::disable_cpu(const StagedImage& image, const Vcpu& vcpu) {
    // An image for the whole machine has the CPUs of all VMs.
    const u32 number = image.kexec == Kexec::host ? index(vcpu.cpu) : index(vcpu.id);
    const auto& fallback = image.fallback;
    const PhysRange dtb =
        fallback ? PhysRange{to_phys(fallback->dtb), fallback->size} : first_dtb(image);
    patch(dtb, fallback ? fallback->shift : 0, [&](std::span<std::byte> bytes, u32 shift) {
        const u32 offset = image.dtb_fields.cpu_status[number] + shift;
        baton::disable_cpu(bytes, offset);
        return offset;
    });
}

bool ImageStore::is_in_use(const SlotPlacement& place) const {
    const PhysRange all = PhysRange::between(place.kernel.begin, place.dtb.end());
    return std::ranges::any_of(in_use_, [&](PhysRange used) { return used.overlaps(all); });
}

void ImageStore::keep_in_use(PhysRange memory, const StagedImage& image) {
    if (std::ranges::find(in_use_, memory) == in_use_.end()) {
        (void)in_use_.push(memory); // as many as there are tables
    }
    log_use(image);
    if (staged_ != nullptr && staged_ != &image) {
        log_use(*staged_);
    }
}

void ImageStore::log_use(const StagedImage& image) const {
    if (in_use_.empty()) {
        return;
    }
    for (u32 n = 0; n < in_use_.size(); n++) {
        patch_each(image, [&](std::span<std::byte> bytes, u32 shift) {
            const u32 offset = image.dtb_fields.spare_reservations + n * reservation_size + shift;
            reserve_in_place(bytes, offset, in_use_[n]);
            return offset;
        });
    }
    for (const u32 status : image.dtb_fields.message_controller_status) {
        patch_each(image, [&](std::span<std::byte> bytes, u32 shift) {
            disable_message_controller(bytes, status + shift);
            return status + shift;
        });
    }
}

} // namespace baton
