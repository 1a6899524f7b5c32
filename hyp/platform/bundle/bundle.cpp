// SPDX-License-Identifier: BSD-2-Clause
#include "hyp/platform/bundle/bundle.hpp"

#include "hyp/arch.hpp"
#include "hyp/platform/bundle/archive.hpp"
#include "hyp/platform/bundle/parts.hpp"
#include "hyp/platform/bundle/sections.hpp"
#include "hyp/platform/bundle/text.hpp"
#include "hyp/platform/parse/parse.hpp"

#include <algorithm>

namespace baton {

namespace {

/// RAM that may be looked at.
bool is_readable(const Platform& platform, PhysRange range) {
    const auto holds = [&](const PhysRange& ram) { return ram.contains(range); };
    const auto hides = [&](const ReservedRange& reserved) {
        return (reserved.no_map || reserved.opaque) && reserved.range.overlaps(range);
    };
    return std::ranges::any_of(platform.ram, holds) &&
           std::ranges::none_of(platform.reserved, hides);
}

/// The loader's, if it may be looked at.
std::optional<PhysRange> readable_initrd(const Fdt& fdt, Platform& platform) {
    const auto range = loaders_initrd(fdt);
    if (range && !is_readable(platform, *range)) {
        note(platform, "the loader's initrd is not in RAM");
        return std::nullopt;
    }
    return range;
}

void cover(PhysRange& whole, PhysRange part) {
    whole = whole.empty() ? part
                          : PhysRange::between(std::min(whole.begin, part.begin),
                                               std::max(whole.end(), part.end()));
}

/// Behind Baton's own sections in its file.
void read_own_file(Platform& platform, BundleParts& parts) {
    const PhysRange own = arch::loaded_file();
    const auto table = SectionTable::open(arch::own_header());
    for (u32 at = 0; table && at < table->size(); at++) {
        const auto section = (*table)[at];
        const auto part = section ? part_of_section(section->name) : std::nullopt;
        const auto range =
            section ? PhysRange::make(own.begin + section->offset, section->size) : std::nullopt;
        if (part && range && section->offset >= own.size && is_readable(platform, *range)) {
            parts.add(*part, *range);
            cover(platform.bundle, *range);
        }
    }
}

void read_archive(PhysRange initrd, Platform& platform, BundleParts& parts) {
    const Bytes bytes = arch::loaded_bytes(initrd);
    ArchiveReader archive{bytes};
    platform.bundle = initrd;
    while (const auto file = archive.take()) {
        if (const auto part = part_of_file(file->name)) {
            parts.add(*part, {initrd.begin + file->offset, file->size});
        }
    }
    if (parts.empty()) {
        note(platform, ArchiveReader::is_archive(bytes)
                           ? "the loader's initrd is no bundle: it has no file called kernel"
                           : "the loader's initrd is no bundle: it must be a cpio archive, not "
                             "compressed, with a file called kernel");
    } else if (!archive.is_whole()) {
        note(platform, "the loader's initrd is damaged, or cut off");
    }
}

void use(const BundleParts& parts, Platform& platform) {
    if (const char* problem = parts.problem()) {
        note(platform, problem);
    }
    BundleText text{platform};
    const std::string_view loaders = platform.bootargs;
    platform.bootargs = text.joined(text.read(parts.options()), loaders);
    for (usize at = 0; at < parts.image_count(); at++) {
        const BundleParts::Image& image = parts.image(at);
        const std::string_view own = text.read(image.command_line);
        const std::string_view given = at == 0 ? text.guest_words(loaders) : std::string_view{};
        // As many as there are in a bundle: never full.
        (void)platform.boot_images.push(
            {*image.kernel, image.ramdisk, given.empty() ? own : given});
    }
    if (text.is_cut()) {
        note(platform, "the bundle's command lines and options are too long, and were cut");
    }
}

} // namespace

Result<> parse_bundle(const Fdt& fdt, Platform& platform) {
    if (!platform.boot_images.empty()) {
        return {};
    }
    BundleParts parts;
    read_own_file(platform, parts);
    const auto initrd = readable_initrd(fdt, platform);
    if (parts.image_count() == 0) {
        if (initrd) {
            read_archive(*initrd, platform, parts);
        }
    } else if (initrd && !parts.image(0).ramdisk) {
        parts.image(0).ramdisk = *initrd;
    } else if (initrd) {
        note(platform, "the loader's initrd is left out: Baton's own file has one");
    }
    if (!parts.empty()) {
        use(parts, platform);
    }
    return {};
}

} // namespace baton
