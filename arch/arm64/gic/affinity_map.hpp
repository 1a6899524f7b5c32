// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "arch/arm64/cpu/affinity.hpp"
#include "hyp/types.hpp"

#include <algorithm>
#include <array>
#include <optional>

namespace baton::arm64::gic {

/// Finds CPUs by affinity, sixteen at a time as an SGI's target list does. Filled at boot,
/// read only afterwards.
class AffinityMap {
  public:
    static constexpr u32 row_size = 16;

    /// What the affinity's row begins with, and its place in there.
    static constexpr Affinity first_of(Affinity affinity) {
        return Affinity{bits(affinity) / row_size * row_size};
    }
    static constexpr u32 target_of(Affinity affinity) { return bits(affinity) % row_size; }

    struct Row {
        Affinity first_affinity{}; ///< a multiple of 16
        std::array<u16, row_size> cpus{};

        std::optional<CpuId> cpu(u32 target) const {
            return cpus[target] == none ? std::nullopt : std::optional{CpuId{cpus[target]}};
        }
    };

    /// False: no room left.
    [[nodiscard]] bool add(Affinity affinity, CpuId cpu) {
        Row* row = lower_bound(first_of(affinity));
        if (row == rows_.data() + size_ || row->first_affinity != first_of(affinity)) {
            if (size_ == rows_.size()) {
                return false;
            }
            std::move_backward(row, rows_.data() + size_, rows_.data() + size_ + 1);
            size_++;
            row->first_affinity = first_of(affinity);
            row->cpus.fill(none);
        }
        row->cpus[target_of(affinity)] = static_cast<u16>(index(cpu));
        return true;
    }

    /// @param first_affinity a multiple of 16
    const Row* find_row(Affinity first_affinity) const {
        const Row* row = lower_bound(first_affinity);
        return row != rows_.data() + size_ && row->first_affinity == first_affinity ? row : nullptr;
    }

    std::optional<CpuId> find(Affinity affinity) const {
        const Row* row = find_row(first_of(affinity));
        return row == nullptr ? std::nullopt : row->cpu(target_of(affinity));
    }

  private:
    static constexpr u16 none = 0xffff;
    static_assert(max_cpus < none);

    template <class Self>
    static auto lower_bound(Self& self, Affinity first_affinity) {
        return std::lower_bound(
            self.rows_.data(), self.rows_.data() + self.size_, first_affinity,
            [](const Row& row, Affinity affinity) { return row.first_affinity < affinity; });
    }
    Row* lower_bound(Affinity first_affinity) { return lower_bound(*this, first_affinity); }
    const Row* lower_bound(Affinity first_affinity) const {
        return lower_bound(*this, first_affinity);
    }

    std::array<Row, max_cpus> rows_{};
    usize size_ = 0;
};

} // namespace baton::arm64::gic
