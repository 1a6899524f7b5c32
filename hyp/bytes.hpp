// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/types.hpp"

#include <cstring>
#include <optional>
#include <span>
#include <type_traits>

namespace baton {

using Bytes = std::span<const std::byte>;

/// Is [offset, offset + size) within `bytes`?
constexpr bool holds(Bytes bytes, usize offset, usize size) {
    return offset <= bytes.size() && size <= bytes.size() - offset;
}

/// So many bytes from `offset` on. Nothing if they are not all there.
constexpr std::optional<Bytes> slice(Bytes bytes, usize offset, usize size) {
    return holds(bytes, offset, size) ? std::optional{bytes.subspan(offset, size)} : std::nullopt;
}

/// The structure at `offset`, at whatever alignment. Nothing if it is not all there.
template <class T>
    requires std::is_trivially_copyable_v<T>
std::optional<T> read_at(Bytes bytes, usize offset = 0) {
    if (!holds(bytes, offset, sizeof(T))) {
        return std::nullopt;
    }
    T value;
    std::memcpy(&value, bytes.data() + offset, sizeof(T));
    return value;
}

/// Writes `value` at `offset`. False, and nothing is written, if there is no room.
template <class T>
    requires std::is_trivially_copyable_v<T>
[[nodiscard]] bool write_at(std::span<std::byte> bytes, usize offset, const T& value) {
    if (!holds(bytes, offset, sizeof(T))) {
        return false;
    }
    std::memcpy(bytes.data() + offset, &value, sizeof(T));
    return true;
}

} // namespace baton
