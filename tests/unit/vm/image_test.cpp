// SPDX-License-Identifier: BSD-2-Clause
#include "hyp/kexec/image.hpp"

#include "hyp/platform/guest/guest_dtb.hpp"

#include <doctest/doctest.h>
#include <vector>

using namespace baton;
using baton::arch::parse_image;

namespace {

struct Header {
    u64 text_offset = 0;
    u64 image_size = 0x200'0000;
    u64 flags = 0xa; // little-endian, 4 KiB, anywhere
    u32 magic = 0x644d'5241;
    usize file_size = 4096;
};

std::vector<std::byte> image(const Header& header) {
    std::vector<std::byte> file(header.file_size);
    const auto put = [&](usize offset, usize size, u64 value) {
        for (usize i = 0; i < size && offset + i < file.size(); i++) {
            file[offset + i] = static_cast<std::byte>(value >> 8 * i);
        }
    };
    put(8, 8, header.text_offset);
    put(16, 8, header.image_size);
    put(24, 8, header.flags);
    put(56, 4, header.magic);
    return file;
}

Result<ImageInfo> parse(const std::vector<std::byte>& file, Granules granules = any_granule) {
    const std::span header{file.data(), std::min(file.size(), image_header_size)};
    return parse_image(header, file.size(), granules);
}

Error error_of(const Header& header, Granules granules = any_granule) {
    const auto result = parse(image(header), granules);
    REQUIRE_FALSE(result);
    return result.error();
}

} // namespace

TEST_CASE("an arm64 Image") {
    const auto info = parse(image({.text_offset = 0x80000}));
    REQUIRE(info);
    CHECK(info->file_size == 4096);
    CHECK(info->text_offset == 0x80000);
    CHECK(info->image_size == 0x200'0000);
    // A file may be longer than the image says that it is.
    CHECK(parse(image({.image_size = 100}))->image_size == 4096);
}

TEST_CASE("other files") {
    CHECK(error_of({.magic = 0x644d'5240}) == Error::bad_image_magic);
    CHECK(error_of({.file_size = 63}) == Error::bad_image_magic);
    CHECK(error_of({.file_size = 0}) == Error::bad_image_magic);
    CHECK(parse(image({.file_size = 64})));
}

TEST_CASE("images that cannot run here") {
    CHECK(error_of({.image_size = 0}) == Error::bad_image_header);
    CHECK(error_of({.flags = 0xb}) == Error::bad_image_header);
    CHECK(error_of({.text_offset = 2}) == Error::bad_image_header);
    CHECK(error_of({.flags = 0x2}, {.kib16 = true}) == Error::bad_image_header);
    CHECK(error_of({.flags = 0x4}, {.kib4 = true}) == Error::bad_image_header);
    CHECK(error_of({.flags = 0x6}, {.kib4 = true}) == Error::bad_image_header);
    CHECK(parse(image({.flags = 0x0}), {}));
    CHECK(parse(image({.flags = 0x6}), {.kib64 = true}));
}

TEST_CASE("sizes that wrap") {
    CHECK(error_of({.image_size = ~u64{0}}) == Error::image_too_big);
    CHECK(error_of({.text_offset = ~u64{3}}) == Error::image_too_big);
    const ImageInfo info{.file_size = 64, .text_offset = 0, .image_size = 64};
    CHECK(slot_size_for(info, {.initrd = ~u64{0}}).error() == Error::image_too_big);
}

TEST_CASE("an image set is laid out in its slot without overlaps") {
    const ImageInfo info{.file_size = 100, .text_offset = 0x80000, .image_size = 0x123'4567};
    const PhysRange slot{{0x5000'0000}, 64 * MiB};
    for (u64 initrd_size : {u64{0}, u64{1}, 40 * MiB - 1}) {
        CAPTURE(initrd_size);
        const auto place = place_in_slot(slot, info, {.initrd = initrd_size});
        REQUIRE(place);
        CHECK(place->kernel.begin == slot.begin + 0x80000);
        CHECK(place->kernel.size == info.image_size);
        CHECK(place->initrd.has_value() == (initrd_size != 0));
        if (place->initrd) {
            CHECK(place->initrd->size == initrd_size);
            CHECK(place->initrd->begin.is_aligned(page_size));
            CHECK_FALSE(place->initrd->overlaps(place->kernel));
            CHECK_FALSE(place->initrd->overlaps(place->dtb));
            CHECK(slot.contains(*place->initrd));
        }
        CHECK(place->dtb.begin.is_aligned(block_size));
        CHECK(place->dtb.size == max_dtb_size);
        CHECK_FALSE(place->dtb.overlaps(place->kernel));
        CHECK(slot.contains(place->dtb));
        const u64 needed = *slot_size_for(info, {.initrd = initrd_size});
        CHECK(needed % block_size == 0);
        CHECK(place_in_slot({slot.begin, needed}, info, {.initrd = initrd_size}));
        CHECK(place_in_slot({slot.begin, needed - block_size}, info, {.initrd = initrd_size})
                  .error() == Error::image_too_big);
    }
    CHECK(place_in_slot(slot, info, {.initrd = 50 * MiB}).error() == Error::image_too_big);
}
