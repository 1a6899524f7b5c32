// SPDX-License-Identifier: BSD-2-Clause
#include "hyp/log/log.hpp"

#include <algorithm>
#include <atomic>

namespace baton::log {
namespace {

constexpr usize ring_size = 64 * KiB;
static_assert((ring_size & (ring_size - 1)) == 0);

// Positions count bytes since boot; a writer owns the bytes that its fetch_add passed over, so
// writers never wait for each other. A reader can at worst see a line that is being written.
struct Ring {
    std::array<char, ring_size> bytes;
    std::atomic<u64> written{0};
    std::atomic<u64> flushed{0};
    std::atomic<ConsoleWriter> console{nullptr};
    std::atomic<bool> immediate{false};
    std::atomic<u32> by_guest{0};
};
constinit Ring ring{};

void copy_in(u64 at, std::string_view text) {
    for (const char c : text) {
        ring.bytes[at++ % ring_size] = c;
    }
}

} // namespace

void append_line(std::string_view line) {
    constexpr std::string_view prefix = "baton: ";
    const u64 at =
        ring.written.fetch_add(prefix.size() + line.size() + 1, std::memory_order_relaxed);
    copy_in(at, prefix);
    copy_in(at + prefix.size(), line);
    copy_in(at + prefix.size() + line.size(), "\n");
    if (ring.immediate.load(std::memory_order_relaxed)) {
        flush();
    }
}

bool guest_may_cause_a_line() {
    constexpr u32 most = 8;
    return ring.by_guest.load(std::memory_order_relaxed) < most &&
           ring.by_guest.fetch_add(1, std::memory_order_relaxed) < most;
}

void attach_console(ConsoleWriter writer) {
    ring.console.store(writer, std::memory_order_relaxed);
    ring.immediate.store(true, std::memory_order_relaxed);
    flush();
}

void release_console() { ring.immediate.store(false, std::memory_order_relaxed); }

Window window_from(u64 position, u64 room) {
    const u64 end = ring.written.load(std::memory_order_relaxed);
    const u64 oldest = end > ring_size ? end - ring_size : 0;
    const u64 at = std::clamp(position, oldest, end);
    const u64 size = std::min(room, end - at);
    const u64 offset = at % ring_size;
    const u64 first = std::min(size, ring_size - offset);
    return {at, {ring.bytes.data() + offset, first}, {ring.bytes.data(), size - first}};
}

void flush() {
    const ConsoleWriter write = ring.console.load(std::memory_order_relaxed);
    if (write == nullptr) {
        return;
    }
    const u64 end = ring.written.load(std::memory_order_relaxed);
    u64 at = ring.flushed.exchange(end, std::memory_order_relaxed);
    read(at, end - std::min(at, end), write);
}

} // namespace baton::log
