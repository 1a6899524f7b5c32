// SPDX-License-Identifier: BSD-2-Clause
#include "hyp/platform/bundle/parts.hpp"

#include <algorithm>

namespace baton {

namespace {

using Kind = BundlePart::Kind;

struct Name {
    std::string_view text;
    Kind kind;
};

constexpr Name first_sections[]{{".linux", Kind::kernel},
                                {".initrd", Kind::ramdisk},
                                {".cmdline", Kind::command_line},
                                {".batopt", Kind::options}};
/// A digit follows, 2 for the second image.
constexpr Name later_sections[]{
    {".linux", Kind::kernel}, {".initrd", Kind::ramdisk}, {".cmdlin", Kind::command_line}};
constexpr Name files[]{{"kernel", Kind::kernel},
                       {"initrd", Kind::ramdisk},
                       {"cmdline", Kind::command_line},
                       {"options", Kind::options}};

template <usize size>
std::optional<Kind> find(const Name (&names)[size], std::string_view text) {
    const auto* const found = std::ranges::find(names, text, &Name::text);
    return found == std::end(names) ? std::nullopt : std::optional{found->kind};
}

/// A digit that counts images from 1.
std::optional<usize> image_number(std::string_view digit) {
    if (digit.size() != 1 || digit[0] < '2' || digit[0] > '0' + char{BootImages::capacity}) {
        return std::nullopt;
    }
    return static_cast<usize>(digit[0] - '1');
}

/// "" for the first image, "next" for the second, "next2" for the third.
std::optional<usize> image_of_folder(std::string_view folder) {
    constexpr std::string_view next = "next";
    if (folder.empty()) {
        return 0;
    }
    if (!folder.starts_with(next)) {
        return std::nullopt;
    }
    if (folder == next) {
        return 1;
    }
    const auto number = image_number(folder.substr(next.size()));
    return number && *number + 1 < BootImages::capacity ? std::optional{*number + 1} : std::nullopt;
}

} // namespace

std::optional<BundlePart> part_of_section(std::string_view name) {
    if (const auto kind = find(first_sections, name)) {
        return BundlePart{*kind, 0};
    }
    if (name.empty()) {
        return std::nullopt;
    }
    const auto kind = find(later_sections, name.substr(0, name.size() - 1));
    const auto image = image_number(name.substr(name.size() - 1));
    return kind && image ? std::optional{BundlePart{*kind, *image}} : std::nullopt;
}

std::optional<BundlePart> part_of_file(std::string_view name) {
    const usize slash = name.find('/');
    const std::string_view folder = slash == name.npos ? "" : name.substr(0, slash);
    const auto image = image_of_folder(folder);
    const auto kind = find(files, slash == name.npos ? name : name.substr(slash + 1));
    if (!image || !kind || (slash == 0) || (*kind == Kind::options && *image != 0)) {
        return std::nullopt;
    }
    return BundlePart{*kind, *image};
}

void BundleParts::add(BundlePart part, PhysRange range) {
    if (range.empty()) {
        return;
    }
    Image& image = images_[part.image];
    std::optional<PhysRange>& place = part.kind == Kind::kernel         ? image.kernel
                                      : part.kind == Kind::ramdisk      ? image.ramdisk
                                      : part.kind == Kind::command_line ? image.command_line
                                                                        : options_;
    twice_ = twice_ || place.has_value();
    place = place.value_or(range);
    count_++;
}

usize BundleParts::image_count() const {
    const auto* const end =
        std::ranges::find_if(images_, [](const Image& image) { return !image.kernel; });
    return static_cast<usize>(end - images_.begin());
}

const char* BundleParts::problem() const {
    if (twice_) {
        return "the bundle has a part twice; the first one counts";
    }
    for (usize at = image_count(); at < images_.size(); at++) {
        const Image& image = images_[at];
        if (image.kernel) {
            return "the bundle has a kernel but not the one before it, so it is left out";
        }
        if (image.ramdisk || image.command_line) {
            return "the bundle has an initrd or a command line for a kernel that it has not";
        }
    }
    return nullptr;
}

} // namespace baton
