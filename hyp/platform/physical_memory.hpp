// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/address.hpp"
#include "hyp/bytes.hpp"

#include <optional>

namespace baton {

/// Physical memory as it can be read while the description of the machine is: what is not mapped
/// yet is mapped for it. Refers to a callable that it does not own.
class PhysicalMemory {
  public:
    /// @param map called as std::optional<Bytes>(PhysRange): the bytes of the range, or nothing if
    ///        they cannot be read; they stay readable for as long as the description is parsed
    template <class Map>
        requires(!std::is_same_v<Map, PhysicalMemory>)
    explicit PhysicalMemory(Map& map)
        : context_{&map}, map_{[](void* context, PhysRange range) {
              return (*static_cast<Map*>(context))(range);
          }} {}

    std::optional<Bytes> read(PhysRange range) const { return map_(context_, range); }

  private:
    void* context_;
    std::optional<Bytes> (*map_)(void* context, PhysRange range);
};

/// What of it the firmware says is memory: a table anywhere else is not looked at, for reading a
/// device's registers changes the device.
template <class Ranges>
class MemoryIn {
  public:
    MemoryIn(PhysicalMemory memory, const Ranges& ranges) : memory_{memory}, ranges_{ranges} {}

    std::optional<Bytes> read(PhysAddr address, u64 size) const {
        const auto range = PhysRange::make(address, size);
        return range && ranges_.contains(*range) ? memory_.read(*range) : std::nullopt;
    }
    template <class T>
    std::optional<T> read(PhysAddr address) const {
        const auto bytes = read(address, sizeof(T));
        return bytes ? read_at<T>(*bytes) : std::nullopt;
    }

  private:
    PhysicalMemory memory_;
    const Ranges& ranges_;
};

} // namespace baton
