// SPDX-License-Identifier: BSD-2-Clause
#include "hyp/kexec/image_store.hpp"

#include "hyp/arch.hpp"
#include "hyp/platform/efi/view.hpp"

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
    return &by_slot_[running_slot_];
}

Result<void> ImageStore::stage_next() {
    const auto staged = stage_boot_image(in_turn(), spare_slot());
    if (staged) {
        staged_ = &by_slot_[spare_slot()];
    }
    return staged;
}

Result<void> ImageStore::stage(const Content& content) {
    const auto staged = finish(content, spare_slot());
    if (staged) {
        staged_ = &by_slot_[spare_slot()];
    }
    return staged;
}

Result<> ImageStore::stage_boot_image(const BootImage& image, u32 slot) {
    const auto info =
        arch::parse_image(header_of(image.kernel), image.kernel.size, setup_.granules);
    if (!info) {
        return std::unexpected(info.error());
    }
    const u64 initrd_size = image.ramdisk ? image.ramdisk->size : 0;
    const auto place = place_in_slot(slots()[slot], *info, {.initrd = initrd_size});
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

Result<> ImageStore::finish(const Content& content, u32 slot) {
    const SlotPlacement& place = content.place;
    if (is_in_use(place)) {
        return std::unexpected(Error::no_room);
    }
    staged_ = nullptr; // what lay there is overwritten
    StagedImage& staged = by_slot_[slot];
    staged.fallback.reset();
    staged.kexec = content.kexec;
    staged.id = content.id;
    staged.size = content.size;
    staged.needs = place.dtb.end() - slots()[slot].begin;
    staged.slot = slot;
    staged.entry = to_guest(place.kernel.begin);
    const auto described = content.kexec == Kexec::guest ? describe_guest(content, staged)
                                                         : describe_machine(content, staged);
    if (!described) {
        return std::unexpected(described.error());
    }
    for (const Vcpu* vcpu : excluded_) {
        disable_cpu(staged, *vcpu);
    }
    tell_of_use(staged);
    arch::publish_instructions();
    return {};
}

/// In the form in which the firmware describes the machine.
Result<> ImageStore::describe(const GuestRequest& request, PhysRange room,
                              PlacedDescription& description) {
    description.begin = room.begin;
    const Platform& platform = *setup_.platform;
    if (platform.tables) {
        if (auto built = efi::build_view(platform.tables->firmware, platform, request,
                                         bytes_of(room), room.begin, description.fields);
            !built) {
            return built;
        }
    } else {
        if (auto built = build_guest_dtb(setup_.firmware_dtb, request, bytes_of(room), dtb_);
            !built) {
            return built;
        }
        description.fields = dtb_;
    }
    arch::publish_bytes(description.range());
    return {};
}

/// The VM as it is for the next kernel: its description and its root.
Result<> ImageStore::describe_guest(const Content& content, StagedImage& staged) {
    const Platform& platform = *setup_.platform;
    const auto known = guest_memory(
        layout(), setup_.vm, staged.slot, {platform.ram.begin(), platform.ram.end()},
        {platform.reserved.begin(), platform.reserved.end()}, setup_.kept_modules, memory_);
    if (!known) {
        return known;
    }
    const GuestRequest request{.spare_reservations = spare_reservations(),
                               .memory = {memory_.begin(), memory_.end()},
                               .bootargs = content.bootargs,
                               .initrd = content.place.initrd,
                               .seed = content.seed,
                               .counter_units = setup_.counter_units,
                               .division = setup_.division,
                               .vm = setup_.vm,
                               .console = setup_.console,
                               .shared = setup_.shared};
    if (auto described = describe(request, content.place.dtb, staged.description); !described) {
        return described;
    }
    const bool mapped =
        arch::prepare_memory(setup_.vm, staged.slot, {memory_.begin(), memory_.end()});
    return mapped ? Result<>{} : std::unexpected(Error::no_room);
}

/// The machine as the firmware described it, twice: for a kernel that has all of it, and for one
/// that has to leave Baton's memory to a CPU that did not go. No guest runs in between, so the root
/// maps no memory.
Result<> ImageStore::describe_machine(const Content& content, StagedImage& staged) {
    GuestRequest request{.for_host = true,
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
    if (auto described = describe(request, room, staged.description); !described) {
        return described;
    }
    const PhysAddr rest{align_up(staged.description.range().end().value, efi::view_alignment)};
    if (rest >= room.end()) {
        return std::unexpected(Error::no_room);
    }
    const PhysRange still_used[]{layout().image, layout().pool};
    request.reserved = still_used;
    if (auto described =
            describe(request, PhysRange::between(rest, room.end()), staged.fallback.emplace());
        !described) {
        return described;
    }
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

/// f(bytes, fields) changes the description in place.
template <class F>
void patch(const PlacedDescription& description, F f) {
    for (const Touched& touched : f(bytes_of(description.range()), description.fields)) {
        if (touched.size != 0) {
            arch::publish_bytes({description.begin + touched.offset, touched.size});
        }
    }
}
template <class F>
void patch_each(const StagedImage& image, F f) {
    patch(image.description, f);
    if (image.fallback) {
        patch(*image.fallback, f);
    }
}

} // namespace

void ImageStore::disable_cpu(const StagedImage& image, const Vcpu& vcpu) {
    // An image for the whole machine has the CPUs of all VMs.
    const u32 number = image.kexec == Kexec::host ? index(vcpu.cpu) : index(vcpu.id);
    patch(image.fallback ? *image.fallback : image.description,
          [&](std::span<std::byte> bytes, const GuestDescription& fields) {
              return baton::disable_cpu(bytes, fields, number);
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
    tell_of_use(image);
    if (staged_ != nullptr && staged_ != &image) {
        tell_of_use(*staged_);
    }
}

void ImageStore::tell_of_use(const StagedImage& image) const {
    if (in_use_.empty()) {
        return;
    }
    for (u32 n = 0; n < in_use_.size(); n++) {
        patch_each(image, [&](std::span<std::byte> bytes, const GuestDescription& fields) {
            return reserve_in_place(bytes, fields, n, in_use_[n]);
        });
    }
    for (u32 n = 0; n < image.description.fields.message_controller_status.size(); n++) {
        patch_each(image, [&](std::span<std::byte> bytes, const GuestDescription& fields) {
            return disable_message_controller(bytes, fields, n);
        });
    }
}

} // namespace baton
