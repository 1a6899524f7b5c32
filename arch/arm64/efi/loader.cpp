// SPDX-License-Identifier: BSD-2-Clause
#include "arch/arm64/efi/loader.hpp"

namespace baton::arm64::efi {

void Loader::say(std::string_view line) const {
    if (system_.out == nullptr) {
        return;
    }
    constexpr usize longest = 200;
    std::array<char16_t, longest + 3> text{};
    usize size = 0;
    for (const char c : line.substr(0, longest)) {
        text[size++] = static_cast<unsigned char>(c);
    }
    text[size++] = u'\r';
    text[size++] = u'\n';
    (void)system_.out->output_string(system_.out, text.data());
}

const void* Loader::table(const Guid& guid) const {
    for (usize i = 0; i < system_.configuration_entries; i++) {
        if (system_.configuration[i].vendor == guid) {
            return system_.configuration[i].table;
        }
    }
    return nullptr;
}

std::optional<std::span<std::byte>> Loader::pages(u32 type, u64 size) {
    const u64 whole = align_up(size, page_size);
    u64 address = 0;
    if (whole < size || taken_.size() == taken_.capacity ||
        failed(boot().allocate_pages(Allocate::any_pages, type, whole / page_size, &address))) {
        return std::nullopt;
    }
    const std::span pages{reinterpret_cast<std::byte*>(address), whole};
    (void)taken_.push(pages); // there is room
    return pages;
}

void Loader::give_back(std::span<std::byte> pages) {
    keep(pages);
    (void)boot().free_pages(reinterpret_cast<u64>(pages.data()), pages.size() / page_size);
}

void Loader::keep(std::span<std::byte> pages) {
    for (usize i = 0; i < taken_.size(); i++) {
        if (taken_[i].data() == pages.data()) {
            taken_.erase(i);
            return;
        }
    }
}

void Loader::give_all_back() {
    while (!taken_.empty()) {
        give_back(taken_[taken_.size() - 1]);
    }
}

} // namespace baton::arm64::efi
