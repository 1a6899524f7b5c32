// SPDX-License-Identifier: BSD-2-Clause
#include "guest-api/guest/archive.hpp"

#include "guest-api/guest/platform.hpp"

namespace baton::guest {
namespace {

constexpr usize header_size = 110;
constexpr std::string_view magic = "070701";

/// Field `at` of a header: eight hexadecimal digits.
u64 field(std::string_view header, usize at) {
    u64 value = 0;
    for (const char digit : header.substr(magic.size() + 8 * at, 8)) {
        const char lower =
            digit >= 'A' && digit <= 'F' ? static_cast<char>(digit - 'A' + 'a') : digit;
        value = value << 4 | std::string_view{"0123456789abcdef"}.find(lower) % 16;
    }
    return value;
}

} // namespace

std::span<const std::byte> archive() {
    const PhysRange initrd = platform().initrd.value_or(PhysRange{});
    return {reinterpret_cast<const std::byte*>(initrd.begin.value),
            static_cast<usize>(initrd.size)};
}

std::span<const std::byte> archived(std::string_view name) {
    constexpr usize filesize = 6;
    constexpr usize namesize = 11;
    const std::string_view text{reinterpret_cast<const char*>(archive().data()), archive().size()};
    for (usize at = 0; text.substr(at).starts_with(magic) && text.size() - at > header_size;) {
        const std::string_view header = text.substr(at, header_size);
        const u64 name_size = field(header, namesize); // with a NUL
        const u64 begin = align_up(at + header_size + name_size, 4);
        const u64 size = field(header, filesize);
        if (begin > text.size() || size > text.size() - begin) {
            break;
        }
        if (name_size != 0 && text.substr(at + header_size, name_size - 1) == name) {
            return archive().subspan(begin, size);
        }
        at = align_up(begin + size, 4);
    }
    return {};
}

} // namespace baton::guest
