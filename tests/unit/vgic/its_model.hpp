// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "arch/arm64/gic/gits.hpp"

#include <array>
#include <optional>

namespace model {

using namespace baton;
using namespace baton::arm64::gic;

/// An ITS's control frame in software: what its registers keep, and when they may be written.
class ItsModel {
  public:
    /// Reads of GITS_CTLR until it is at rest once it has been turned off.
    u32 reads_to_rest = 2;
    /// It goes on with what it does.
    bool never_rests = false;
    /// GITS_BASER<n>.Page_Size is what it is.
    std::optional<u64> fixed_page_size;
    /// To the bases while it uses them (IHI 0069, 12.18).
    u32 hasty_writes = 0;

    /// What the bases read when cold, as the implementation likes it.
    void cool(u64 base, u64 queue) {
        for (u32 n = 0; n < bases_.size(); n++) {
            cold_bases_[n] = bases_[n] = types_[n] != 0 ? base : 0;
        }
        cold_cbaser_ = cbaser_ = queue;
    }

    bool is_on() const { return on_; }
    u64 base(u32 n) const { return bases_.at(n); }
    u64 queue() const { return cbaser_; }
    bool is_cold() const {
        return !on_ && cbaser_ == cold_cbaser_ && bases_ == cold_bases_ && cwriter_ == 0;
    }

    u64 read(u64 offset, u32 size) {
        if (offset == 0) {
            left_ -= left_ != 0 && !on_ && !never_rests;
            return u64{on_} | u64{!on_ && left_ == 0} << 31;
        }
        const u64 value = whole(offset & ~u64{7});
        return offset == 0xffe8 ? 0x4b
               : size == 8      ? value
                                : static_cast<u32>(value >> offset % 8 * 8);
    }
    void write(u64 offset, u64 value) {
        if (offset == 0) {
            left_ = on_ && (value & 1) == 0 ? reads_to_rest : left_;
            on_ = (value & 1) != 0;
            return;
        }
        if (offset == 0x88) {
            cwriter_ = value;
            return;
        }
        hasty_writes += on_ || left_ != 0;
        if (offset == 0x80) {
            cbaser_ = value;
        } else if (offset >= 0x100 && offset < 0x140) {
            constexpr u64 fixed = u64{7} << 56 | u64{0x1f} << 48;
            const u64 sized =
                fixed_page_size ? (value & ~u64{0x300}) | *fixed_page_size << 8 : value;
            bases_.at((offset - 0x100) / 8) =
                types_[(offset - 0x100) / 8] != 0 ? sized & ~fixed : 0;
        }
    }

  private:
    u64 whole(u64 offset) const {
        if (offset >= 0x100 && offset < 0x140) {
            const u32 n = static_cast<u32>(offset - 0x100) / 8;
            return bases_[n] | types_[n] << 56 | u64{types_[n] != 0 ? 7U : 0U} << 48;
        }
        // Physical and virtual LPIs, and what belongs to GICv4.1.
        return offset == 0x8    ? 0x0000'0dff'001e'fff3
               : offset == 0x80 ? cbaser_
               : offset == 0x88 ? cwriter_
                                : 0;
    }

    static constexpr std::array<u64, 8> types_{1, 4, 2, 0,
                                               0, 0, 0, 0}; ///< devices, collections, vPEs
    bool on_ = false;
    u32 left_ = 0;
    u64 cbaser_ = 0, cwriter_ = 0;
    std::array<u64, 8> bases_{};
    u64 cold_cbaser_ = 0;
    std::array<u64, 8> cold_bases_{};
};

} // namespace model
