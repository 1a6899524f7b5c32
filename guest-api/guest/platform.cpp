// SPDX-License-Identifier: BSD-2-Clause
#include "guest-api/guest/platform.hpp"

#include <algorithm>

namespace baton::guest {

extern "C" char guest_image[], guest_image_end[];

namespace {

Platform the_platform;

void push_used(std::optional<PhysRange> range) {
    if (range) {
        (void)the_platform.used.push(*range);
    }
}

void read_memory() {
    const auto root = Node::at_path("/");
    for (auto node = root->first_child(); node; node = node->next_sibling()) {
        if (node->text("device_type") != "memory" || !node->enabled()) {
            continue;
        }
        for (unsigned i = 0; const auto range = node->reg(i); i++) {
            (void)the_platform.memory.push(*range);
        }
    }
}

void read_used() {
    the_platform.image = PhysRange::between({reinterpret_cast<u64>(guest_image)},
                                            {reinterpret_cast<u64>(guest_image_end)});
    push_used(the_platform.image);
    push_used(dtb_range());
    push_used(the_platform.initrd);
    for (unsigned i = 0; const auto range = memory_reservation(i); i++) {
        push_used(range);
    }
    if (const auto reserved = Node::at_path("/reserved-memory")) {
        for (auto node = reserved->first_child(); node; node = node->next_sibling()) {
            push_used(node->reg());
        }
    }
}

void read_chosen() {
    const auto chosen = Node::at_path("/chosen");
    if (!chosen) {
        return;
    }
    the_platform.bootargs = chosen->text("bootargs");
    const auto begin = chosen->number("linux,initrd-start");
    const auto end = chosen->number("linux,initrd-end");
    if (begin && end && *begin < *end) {
        the_platform.initrd = PhysRange::between({*begin}, {*end});
    }
}

/// The part of the word `name=…` behind the '='; for a word without '=', an empty text.
std::optional<std::string_view> find_option(std::string_view name) {
    std::string_view rest = the_platform.bootargs;
    while (!rest.empty()) {
        const usize length = std::min(rest.find(' '), rest.size());
        std::string_view word = rest.substr(0, length);
        rest.remove_prefix(std::min(length + 1, rest.size()));
        const usize key = std::min(word.find('='), word.size());
        if (word.substr(0, key) == name) {
            word.remove_prefix(std::min(key + 1, word.size()));
            return word;
        }
    }
    return std::nullopt;
}

std::optional<u64> parse_number(std::string_view text) {
    u64 base = 10;
    if (text.starts_with("0x")) {
        base = 16;
        text.remove_prefix(2);
    }
    u64 value = 0;
    for (const char c : text) {
        const usize digit = std::string_view{"0123456789abcdef"}.find(c);
        if (digit >= base) {
            return std::nullopt;
        }
        value = value * base + digit;
    }
    return text.empty() ? std::nullopt : std::optional{value};
}

} // namespace

const Platform& platform() { return the_platform; }

bool Platform::is_memory(PhysRange range) const {
    return std::ranges::any_of(memory, [&](PhysRange ram) { return ram.contains(range); });
}

bool Platform::is_used(PhysRange range) const {
    return std::ranges::any_of(used, [&](PhysRange other) { return other.overlaps(range); });
}

void read_platform() {
    if (const auto psci = Node::at_path("/psci"); psci && psci->text("method") == "smc") {
        the_platform.conduit = Conduit::smc;
    }
    if (const auto timer = Node::compatible_with("arm,armv8-timer")) {
        for (u32 i = 0; u32 & intid : the_platform.timer_interrupts) {
            intid = timer->interrupt(i++).value_or(0);
        }
    }
    read_memory();
    read_chosen();
    read_used();
}

bool option(std::string_view name) { return find_option(name).has_value(); }

std::string_view option_text(std::string_view name) {
    return find_option(name).value_or(std::string_view{});
}

u64 option_number(std::string_view name, u64 otherwise) {
    return parse_number(option_text(name)).value_or(otherwise);
}

} // namespace baton::guest
