// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/arch.hpp"
#include "hyp/memory/range_set.hpp"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <doctest/doctest.h>
#include <map>
#include <mutex>
#include <span>
#include <string_view>
#include <sys/mman.h>
#include <utility>
#include <vector>

namespace baton::test {

/// The RAM of a machine, and a record of what was asked of hyp/arch.hpp about it (arch_memory.cpp).
/// A page that nobody touches costs nothing. The newest one is the machine's.
class FakeMemory {
  public:
    explicit FakeMemory(PhysRange ram)
        : ram_{ram}, bytes_{static_cast<std::byte*>(
                         mmap(nullptr, ram.size, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0))} {
        REQUIRE(bytes_ != MAP_FAILED);
        here_ = this;
    }
    ~FakeMemory() {
        munmap(bytes_, ram_.size);
        here_ = here_ == this ? nullptr : here_;
    }
    FakeMemory(const FakeMemory&) = delete;
    FakeMemory& operator=(const FakeMemory&) = delete;

    static FakeMemory& here() { return *here_; }

    std::byte* at(PhysAddr address) {
        REQUIRE(ram_.contains(address));
        return bytes_ + (address - ram_.begin);
    }
    void put(PhysAddr address, std::string_view text) {
        std::memcpy(at(address), text.data(), text.size());
    }
    template <class T>
    void put_struct(PhysAddr address, const T& value) {
        std::memcpy(at(address), &value, sizeof value);
    }
    template <class T>
    T get(PhysAddr address) {
        T value;
        std::memcpy(&value, at(address), sizeof value);
        return value;
    }
    std::string_view text(PhysRange range) {
        return {reinterpret_cast<const char*>(at(range.begin)), range.size};
    }

    void publish(PhysRange range) {
        const std::lock_guard lock{mutex_};
        published_.push_back(range);
        instructions_published = false;
    }
    bool is_published(PhysRange range) const {
        RangeSet<64> all;
        for (const PhysRange& piece : published_) {
            REQUIRE(all.add(piece));
        }
        return all.contains(range);
    }
    u64 largest_published() const {
        return std::ranges::max(published_, {}, &PhysRange::size).size;
    }
    void forget_published() { published_.clear(); }

    /// The root of each VM's slots: what it maps as RAM.
    bool prepare(VmId vm, SlotId slot, std::span<const PhysRange> memory) {
        const std::lock_guard lock{mutex_};
        if (has_room_for_tables) {
            roots_[{vm, slot}] = {memory.begin(), memory.end()};
        }
        return has_room_for_tables;
    }
    bool maps(VmId vm, SlotId slot, PhysAddr address) const {
        const std::lock_guard lock{mutex_};
        const auto root = roots_.find({vm, slot});
        return root != roots_.end() && std::ranges::any_of(root->second, [&](PhysRange range) {
                   return range.contains(address);
               });
    }
    void abandon(VmId vm, SlotId slot) {
        const std::lock_guard lock{mutex_};
        abandoned.emplace_back(vm, slot);
    }

    bool instructions_published = false; ///< since the last bytes
    bool has_room_for_tables = true;
    std::vector<std::pair<VmId, SlotId>> abandoned;
    PhysAddr watched{}; ///< `looks` counts how often it is asked for
    std::atomic<u64> looks = 0;

  private:
    static inline FakeMemory* here_ = nullptr;

    const PhysRange ram_;
    std::byte* const bytes_;
    mutable std::mutex mutex_;
    std::vector<PhysRange> published_;
    std::map<std::pair<VmId, SlotId>, std::vector<PhysRange>> roots_;
};

} // namespace baton::test
