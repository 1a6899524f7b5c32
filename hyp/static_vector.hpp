// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/types.hpp"

#include <array>

namespace baton {

/// A vector of bounded size without a heap. `push` tells when it is full, so no entry is lost
/// silently.
template <class T, usize capacity_>
class StaticVector {
  public:
    static constexpr usize capacity = capacity_;

    [[nodiscard]] constexpr bool push(const T& value) {
        if (size_ == capacity) {
            return false;
        }
        items_[size_++] = value;
        return true;
    }
    constexpr void erase(usize at) {
        for (usize i = at + 1; i < size_; i++) {
            items_[i - 1] = items_[i];
        }
        size_--;
    }
    constexpr void clear() { size_ = 0; }

    constexpr usize size() const { return size_; }
    constexpr bool empty() const { return size_ == 0; }
    constexpr T& operator[](usize at) { return items_[at]; }
    constexpr const T& operator[](usize at) const { return items_[at]; }
    constexpr T* begin() { return items_.data(); }
    constexpr T* end() { return items_.data() + size_; }
    constexpr const T* begin() const { return items_.data(); }
    constexpr const T* end() const { return items_.data() + size_; }
    constexpr T* data() { return items_.data(); }
    constexpr const T* data() const { return items_.data(); }

  private:
    std::array<T, capacity> items_{};
    usize size_ = 0;
};

} // namespace baton
