// SPDX-License-Identifier: BSD-2-Clause
// Runs on a Linux guest: makes calls of /dev/baton that batonctl never makes, and prints for each
// whether it is refused in the right sentence.
#include "guest-api/batonctl/device.hpp"

#include <array>
#include <cstdio>
#include <cstring>
#include <vector>

using namespace batonctl;

namespace {

constexpr std::size_t kernel_bytes = 100'000;

/// The header of an Image that asks for nothing special, and nothing behind it.
std::vector<std::byte> kernel() {
    std::vector<std::byte> image(kernel_bytes);
    const baton_u64 size = 1u << 20;
    std::memcpy(image.data() + 16, &size, sizeof(size));
    image[24] = std::byte{0x0a}; // 4 KiB pages, anywhere in memory
    std::memcpy(image.data() + 56, "ARM\x64", 4);
    return image;
}

baton_load load(std::initializer_list<baton_piece> pieces) {
    baton_load result{};
    for (const baton_piece& piece : pieces) {
        result.pieces[result.piece_count++] = piece;
    }
    return result;
}

constexpr baton_piece kernel_piece{BATON_PIECE_KERNEL, 0, kernel_bytes};

void judge(const char* what, const Outcome<>& outcome, const char* sentence) {
    if (outcome) {
        std::printf("FAIL: %s is not refused\n", what);
    } else if (outcome.error().sentence.find(sentence) == std::string::npos) {
        std::printf("FAIL: %s: %s\n", what, outcome.error().sentence.c_str());
    } else {
        std::printf("ok: %s: %s\n", what, outcome.error().sentence.c_str());
    }
}

void need(const char* what, const Outcome<>& outcome) {
    if (!outcome) {
        std::printf("FAIL: %s: %s\n", what, outcome.error().sentence.c_str());
    }
}

} // namespace

int main() {
    Outcome<Device> opened = Device::open();
    if (!opened) {
        std::printf("FAIL: %s\n", opened.error().sentence.c_str());
        return 1;
    }
    Device& device = *opened;
    const std::vector<std::byte> image = kernel();
    const std::span<const std::byte> all(image);
    const std::array<std::byte, 32> wrong_digest{};

    judge("a copy without a load", device.copy(0, 0, all), "The load was dropped meanwhile");
    judge("a seal without a load", device.seal(wrong_digest), "The load was dropped meanwhile");
    judge("no piece", device.begin(load({})), "a number in the call that it does not take");
    judge("no kernel", device.begin(load({{BATON_PIECE_INITRD, 0, 5}})), "a number in the call");
    judge("too long a command line",
          device.begin(load({kernel_piece, {BATON_PIECE_COMMAND_LINE, 0, 4096}})), "4095 bytes");
    judge("more than there is memory",
          device.begin(load({kernel_piece, {BATON_PIECE_INITRD, 0, 1ull << 40}})), "too big");

    need("begin", device.begin(load({kernel_piece, {BATON_PIECE_COMMAND_LINE, 0, 3}})));
    judge("a part left out", device.copy(0, 4096, all.first(4096)), "left out");
    need("the first part", device.copy(0, 0, all.first(4096)));
    judge("a part twice", device.copy(0, 0, all.first(4096)), "sent to Baton twice");
    need("the rest", device.copy(0, 4096, all.subspan(4096)));
    judge("a NUL in the command line", device.copy(1, 0, all.first(3)), "holds a NUL");
    judge("not complete", device.seal(wrong_digest), "3 bytes are missing");
    need("the command line", device.copy(1, 0, std::as_bytes(std::span("abc")).first(3)));
    judge("another digest", device.seal(wrong_digest), "their SHA-256 differ");
    return 0;
}
