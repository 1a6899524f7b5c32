// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "arch/arm64/gic/gicr.hpp"
#include "hyp/address.hpp"
#include "hyp/static_vector.hpp"

#include <optional>

namespace baton::arm64::gic {

/// Where each Redistributor is: in a few regions, one behind the other. Filled at boot, read only
/// afterwards.
class FrameMap {
  public:
    struct Frame {
        PhysRange range;
        u64 typer = 0; ///< GICR_TYPER
        std::optional<CpuId> cpu;
    };

    /// Frames of a region are added in the order of their addresses, regions one after the other.
    /// False: no room.
    /// @param stride from one Redistributor of the region to the next, bytes
    [[nodiscard]] bool add(PhysRange region, PhysAddr frame, u64 stride, u64 typer) {
        if (regions_.empty() || regions_[regions_.size() - 1].range.begin != region.begin) {
            if (!regions_.push({{region.begin, 0}, stride, frames_.size()})) {
                return false;
            }
        }
        regions_[regions_.size() - 1].range.size = frame + stride - region.begin;
        return frames_.push({{frame, stride}, typer, std::nullopt});
    }

    Frame* find(PhysAddr address) {
        for (const Region& region : regions_) {
            if (region.range.contains(address)) {
                return &frames_[region.first_frame +
                                (address - region.range.begin) / region.stride];
            }
        }
        return nullptr;
    }
    Frame* find_affinity(Affinity affinity) {
        for (Frame& frame : frames_) {
            if (gicr_typer::affinity(frame.typer) == affinity) {
                return &frame;
            }
        }
        return nullptr;
    }

  private:
    struct Region {
        PhysRange range; ///< up to the last Redistributor that is there
        u64 stride = 0;
        usize first_frame = 0;
    };
    StaticVector<Region, 64> regions_;
    StaticVector<Frame, max_cpus> frames_;
};

} // namespace baton::arm64::gic
