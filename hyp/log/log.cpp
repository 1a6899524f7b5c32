// SPDX-License-Identifier: BSD-2-Clause
#include "hyp/log/log.hpp"

#include <algorithm>
#include <atomic>
#include <optional>

namespace baton::log {
namespace {

constexpr usize ring_size = 64 * KiB;
static_assert((ring_size & (ring_size - 1)) == 0);

/// One character of the ring, with the lap that it was written in: the log is ASCII, so the eighth
/// bit is free, and tells a character of this lap from what the last one left there.
class Cell {
  public:
    void put(u64 position, char c) {
        const u8 code = static_cast<u8>(c);
        bits_.store(static_cast<u8>((code < 0x80 ? code : u8{'?'}) | mark(position)),
                    std::memory_order_relaxed);
    }
    /// Nothing: it is not written yet.
    std::optional<char> get(u64 position) const {
        const u8 bits = bits_.load(std::memory_order_relaxed);
        return (bits & 0x80) == mark(position) ? std::optional{static_cast<char>(bits & 0x7f)}
                                               : std::nullopt;
    }

  private:
    /// Set in the first lap: a ring that is all 0 holds nothing.
    static constexpr u8 mark(u64 position) { return position / ring_size % 2 == 0 ? 0x80 : 0; }

    std::atomic<u8> bits_{0};
};

// Positions count bytes since boot; a writer owns the bytes that its fetch_add passed over, so
// writers never wait for each other.
struct Ring {
    std::array<Cell, ring_size> cells;
    std::atomic<u64> written{0};
    std::atomic<u64> flushed{0};
    std::atomic<ConsoleWriter> console{nullptr};
    std::atomic<bool> immediate{false};

    Cell& at(u64 position) { return cells[position % ring_size]; }
};
constinit Ring ring{};

void copy_in(u64 at, std::string_view text) {
    for (const char c : text) {
        ring.at(at).put(at, c);
        at++;
    }
}

/// Of what lies between: up to the first character that its writer has yet to write.
u64 end_of_whole(u64 begin, u64 end) {
    while (begin < end && ring.at(begin).get(begin)) {
        begin++;
    }
    return begin;
}

u64 oldest_before(u64 end) { return end > ring_size ? end - ring_size : 0; }

} // namespace

void append_line(std::string_view line) {
    constexpr std::string_view prefix = "baton: ";
    const u64 at =
        ring.written.fetch_add(prefix.size() + line.size() + 1, std::memory_order_relaxed);
    // Who reads a character of what follows sees that it overwrote an older one (copy_out).
    std::atomic_thread_fence(std::memory_order_release);
    copy_in(at, prefix);
    copy_in(at + prefix.size(), line);
    copy_in(at + prefix.size() + line.size(), "\n");
    if (ring.immediate.load(std::memory_order_relaxed)) {
        // Of two that end their lines at once, one at least sees both, and writes them.
        std::atomic_thread_fence(std::memory_order_seq_cst);
        flush();
    }
}

void attach_console(ConsoleWriter writer) {
    ring.console.store(writer, std::memory_order_relaxed);
    ring.immediate.store(true, std::memory_order_relaxed);
    flush();
}

void detach_console() { ring.immediate.store(false, std::memory_order_relaxed); }

usize copy_out(u64& position, std::span<char> to, Gaps gaps) {
    constexpr u32 tries = 8; // lapped so often: it is read another time
    for (u32 i = 0; i < tries; i++) {
        const u64 end = ring.written.load(std::memory_order_relaxed);
        const u64 begin = std::clamp(position, oldest_before(end), end);
        usize size = 0;
        while (size < to.size() && begin + size < end) {
            const auto c = ring.at(begin + size).get(begin + size);
            if (!c && gaps == Gaps::stop) {
                break;
            }
            to[size++] = c.value_or('?');
        }
        std::atomic_thread_fence(std::memory_order_acquire); // the characters before the check
        if (oldest_before(ring.written.load(std::memory_order_relaxed)) <= begin) {
            position = begin;
            return size;
        }
    }
    return 0;
}

void flush() {
    const ConsoleWriter write = ring.console.load(std::memory_order_relaxed);
    if (write == nullptr) {
        return;
    }
    u64 at = ring.flushed.load(std::memory_order_relaxed);
    u64 begin = 0;
    u64 end = 0;
    do { // again only if another CPU has written some of it
        const u64 written = ring.written.load(std::memory_order_relaxed);
        begin = std::max(at, oldest_before(written));
        end = end_of_whole(begin, written);
    } while (!ring.flushed.compare_exchange_weak(at, end, std::memory_order_relaxed));
    read(begin, end - begin, write);
}

void flush_all() {
    const ConsoleWriter write = ring.console.load(std::memory_order_relaxed);
    if (write == nullptr) {
        return;
    }
    const u64 end = ring.written.load(std::memory_order_relaxed);
    u64 at = ring.flushed.exchange(end, std::memory_order_relaxed);
    read(at, end - std::min(at, end), write, Gaps::show);
}

} // namespace baton::log
