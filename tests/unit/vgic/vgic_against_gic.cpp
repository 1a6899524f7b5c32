// SPDX-License-Identifier: BSD-2-Clause
//
// The same guest on a GIC of its own and on Baton's virtual one: it must not see a difference.
#include "gic_baton.hpp"

#include <algorithm>
#include <doctest/doctest.h>
#include <random>

using namespace model;

namespace {

/// What a guest does on its only CPU.
class Guest {
  public:
    virtual ~Guest() = default;
    virtual u32 acknowledge() = 0;
    virtual void end(u32 intid) = 0;
    virtual void deactivate(u32 intid) = 0;
    virtual void send_sgi(u32 intid) = 0;
    virtual u32 read(u64 address) = 0;
    virtual void write(u64 address, u32 value) = 0;
    virtual GicModel& gic() = 0;
};

class OnGic : public Guest {
  public:
    explicit OnGic(bool split_eoi) {
        gic_.cpu(0).on = true;
        gic_.cpu(0).mask = 0xff;
        gic_.cpu(0).split_eoi = split_eoi;
        gic_.write(gicd_base, 3);
        for (u32 bank = 0; bank < 3; bank++) {
            gic_.write((bank == 0 ? GicModel::frame(0) + sgi_base : gicd_base) + 0x80 + 4 * bank,
                       ~0U);
        }
    }
    u32 acknowledge() override { return gic_.acknowledge(0); }
    void end(u32 intid) override { gic_.end(0, intid); }
    void deactivate(u32 intid) override { gic_.deactivate(0, intid); }
    void send_sgi(u32 intid) override { gic_.send_sgi(0, sgi_to(intid, 0)); }
    u32 read(u64 address) override { return static_cast<u32>(gic_.read(address, 4)); }
    void write(u64 address, u32 value) override { gic_.write(address, value); }
    GicModel& gic() override { return gic_; }

  private:
    GicModel gic_{1, 4};
};

class OnBaton : public Guest {
  public:
    OnBaton(bool split_eoi, u32 list_registers) : baton_{1, list_registers} {
        baton_.start_guest(0, split_eoi);
        baton_.gic.is_maintenance_late = list_registers % 3 == 1; // with 1, 4 and 16
    }
    u32 acknowledge() override { return baton_.acknowledge(0); }
    void end(u32 intid) override { baton_.end(0, intid); }
    void deactivate(u32 intid) override { baton_.deactivate(0, intid); }
    void send_sgi(u32 intid) override { baton_.send_sgi(0, sgi_to(intid, 0)); }
    u32 read(u64 address) override { return static_cast<u32>(baton_.read(0, address)); }
    void write(u64 address, u32 value) override { baton_.write(0, address, value); }
    GicModel& gic() override { return baton_.gic; }

  private:
    Baton baton_;
};

/// Those in play, each with a priority of its own that stays apart from the others physically.
constexpr std::array<u32, 14> interrupts = {1, 2, 3, 15, 27, 30, 32, 33, 40, 63, 64, 70, 94, 95};

u64 bank_register(u32 reg, u32 intid) {
    return (intid < 32 ? GicModel::frame(0) + sgi_base : gicd_base) + reg + 4 * bank_of(intid);
}

class Pair {
  public:
    Pair(u32 seed, bool split_eoi, u32 list_registers)
        : random_{seed}, split_eoi_{split_eoi}, native_{split_eoi},
          baton_{split_eoi, list_registers} {
        std::array<u8, interrupts.size()> priorities{};
        for (u32 i = 0; i < priorities.size(); i++) {
            priorities[i] = static_cast<u8>(0x10 * (i + 1));
        }
        std::shuffle(priorities.begin(), priorities.end(), random_);
        for (u32 i = 0; i < interrupts.size(); i++) {
            const u32 intid = interrupts[i];
            const u64 word = (intid < 32 ? GicModel::frame(0) + sgi_base : gicd_base) + 0x400 +
                             align_down(intid, 4);
            const u32 shift = intid % 4 * 8;
            const u32 old = native_.read(word) & ~(u32{0xff} << shift);
            on_both([&](Guest& guest) { guest.write(word, old | u32{priorities[i]} << shift); });
            if (intid >= 32 && below(2) != 0) {
                const u64 config = gicd_base + 0xc00 + intid / 16 * 4;
                const u32 value = native_.read(config) | u32{2} << (intid % 16 * 2);
                on_both([&](Guest& guest) { guest.write(config, value); });
            }
        }
    }

    void step() {
        const u32 intid = interrupts[below(interrupts.size())];
        const u32 bit = bit_of(intid);
        const auto write = [&](u32 reg) {
            on_both([&](Guest& guest) { guest.write(bank_register(reg, intid), bit); });
        };
        switch (below(12)) {
        case 0:
        case 1:
            return write(isenabler);
        case 2:
            return write(icenabler);
        case 3:
        case 4:
            return write(ispendr);
        case 5:
            return write(icpendr);
        case 6:
            if (intid < 16) {
                on_both([&](Guest& guest) { guest.send_sgi(intid); });
            }
            return;
        case 7:
            return move_line(intid);
        case 8:
            if (below(8) == 0) {
                const u32 control = below(3) == 0 ? 0 : 2;
                on_both([&](Guest& guest) { guest.write(gicd_base, control); });
            }
            return;
        case 9:
            return finish();
        default:
            return acknowledge();
        }
    }

    /// The first register that reads differently.
    u64 difference() {
        for (const u32 reg : {isenabler, ispendr, isactiver}) {
            for (const u32 intid : {0U, 32U, 64U}) {
                const u32 in_play = intid == 0 ? 0x4800'800e : ~0U;
                const u64 address = bank_register(reg, intid);
                if (((native_.read(address) ^ baton_.read(address)) & in_play) != 0) {
                    return address;
                }
            }
        }
        return 0;
    }

  private:
    u32 below(usize n) { return static_cast<u32>(random_() % n); }
    template <class F>
    void on_both(F f) {
        f(native_);
        f(baton_);
    }

    /// What Baton cannot see while a list register holds the interrupt as pending: a level line
    /// that drops, and another edge. Devices do the one when their handler runs; the other is one
    /// more interrupt than on a real GIC, which a driver cannot tell from a late edge.
    void move_line(u32 intid) {
        const auto& native = native_.gic().at(0, intid);
        const bool unseen = native.edge ? !native.line && native.latch : native.line;
        if (intid < 16 || (unseen && !native.active)) {
            return;
        }
        const bool level = !native.line;
        on_both([&](Guest& guest) { guest.gic().set_line(0, intid, level); });
    }
    void acknowledge() {
        const u32 intid = native_.acknowledge();
        REQUIRE(baton_.acknowledge() == intid);
        if (intid != spurious) {
            running_.push_back(intid);
        }
    }
    void finish() {
        if (split_eoi_ && !dropped_.empty() && below(2) != 0) {
            const usize n = below(dropped_.size());
            const u32 intid = dropped_[n];
            dropped_.erase(dropped_.begin() + static_cast<std::ptrdiff_t>(n));
            if (below(4) == 0) {
                on_both([&](Guest& g) { g.write(bank_register(icactiver, intid), bit_of(intid)); });
            } else {
                on_both([&](Guest& guest) { guest.deactivate(intid); });
            }
        } else if (!running_.empty()) {
            const u32 intid = running_.back();
            running_.pop_back();
            on_both([&](Guest& guest) { guest.end(intid); });
            if (split_eoi_) {
                dropped_.push_back(intid);
            }
        }
    }

    std::mt19937 random_;
    bool split_eoi_;
    OnGic native_;
    OnBaton baton_;
    std::vector<u32> running_; ///< acknowledged, innermost last
    std::vector<u32> dropped_; ///< priority dropped, not deactivated
};

} // namespace

TEST_CASE("a guest cannot tell Baton's GIC from one of its own") {
    for (u32 seed = 0; seed < 100; seed++) {
        for (const u32 list_registers : {1U, 2U, 4U, 16U}) {
            for (const bool split_eoi : {false, true}) {
                CAPTURE(seed);
                CAPTURE(list_registers);
                CAPTURE(split_eoi);
                Pair pair{seed, split_eoi, list_registers};
                for (u32 step = 0; step < 200; step++) {
                    pair.step();
                    const u64 difference = pair.difference();
                    CAPTURE(step);
                    REQUIRE(difference == 0);
                }
            }
        }
    }
}
