// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/types.hpp"

#include <array>
#include <atomic>
#include <cstring>
#include <type_traits>

namespace baton {

/// A value that one CPU at a time writes and any CPU reads, whole, without a lock. Two copies take
/// turns: a writer that stops half-way holds up no reader.
template <class T>
class Seqlock {
    static_assert(std::is_trivially_copyable_v<T> && sizeof(T) % sizeof(u64) == 0);
    using Words = std::array<u64, sizeof(T) / sizeof(u64)>;

  public:
    void write(const T& value) {
        Words words;
        std::memcpy(&words, &value, sizeof value);
        const u64 next = version_.load(std::memory_order_relaxed) + 1;
        // Who reads a word of what follows sees the version before it, and so that its own is old.
        std::atomic_thread_fence(std::memory_order_release);
        for (usize i = 0; i < words.size(); i++) {
            copies_[next % 2][i].store(words[i], std::memory_order_relaxed);
        }
        version_.store(next, std::memory_order_release); // with the words
    }

    /// Tries again only as often as something was written meanwhile, and not for ever.
    T read() const {
        constexpr u32 tries = 100;
        Words words{};
        for (u32 i = 0; i < tries; i++) {
            const u64 version = version_.load(std::memory_order_acquire);
            for (usize at = 0; at < words.size(); at++) {
                words[at] = copies_[version % 2][at].load(std::memory_order_relaxed);
            }
            std::atomic_thread_fence(std::memory_order_acquire); // the words before the version
            if (version_.load(std::memory_order_relaxed) == version) {
                break;
            }
        }
        T value;
        std::memcpy(&value, &words, sizeof value);
        return value;
    }

  private:
    std::atomic<u64> version_{0};
    std::array<std::array<std::atomic<u64>, std::tuple_size_v<Words>>, 2> copies_{};
};

} // namespace baton
