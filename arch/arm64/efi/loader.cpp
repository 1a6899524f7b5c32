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

std::optional<std::span<std::byte>> Loader::pages(u32 type, u64 size) const {
    const u64 whole = align_up(size, page_size);
    u64 address = 0;
    if (whole < size ||
        failed(boot().allocate_pages(Allocate::any_pages, type, whole / page_size, &address))) {
        return std::nullopt;
    }
    return std::span{reinterpret_cast<std::byte*>(address), whole};
}

void Loader::give_back(std::span<std::byte> pages) const {
    (void)boot().free_pages(reinterpret_cast<u64>(pages.data()), pages.size() / page_size);
}

} // namespace baton::arm64::efi
