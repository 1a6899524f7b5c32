// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "arch/arm64/mmio.hpp"
#include "guest-api/guest/fdt.hpp"
#include "guest-api/guest/timer.hpp"

#include <optional>

/// A PL031, for its interrupt: level-sensitive, and up until the device is told.
namespace baton::guest {

class Rtc {
  public:
    static std::optional<Rtc> find() {
        const auto node = Node::compatible_with("arm,pl031");
        if (!node || !node->interrupt()) {
            return std::nullopt;
        }
        return Rtc{node->reg()->begin, *node->interrupt()};
    }

    u32 intid() const { return intid_; }

    /// The alarm may interrupt.
    void open() const { registers_.write(Pl031::IMSC, 1); }
    void close() const { registers_.write(Pl031::IMSC, 0); }
    void raise_in(u32 seconds) const {
        registers_.write(Pl031::MR, registers_.read(Pl031::DR) + seconds);
    }
    /// From now on until `lower`.
    void raise() const {
        wait_until(3000, [this] {
            registers_.write(Pl031::MR, registers_.read(Pl031::DR));
            return is_raised();
        });
    }
    void lower() const { registers_.write(Pl031::ICR, 1); }
    bool is_raised() const { return registers_.read(Pl031::RIS) != 0; }

  private:
    enum class Pl031 : u64 { DR = 0x00, MR = 0x04, IMSC = 0x10, RIS = 0x14, ICR = 0x1c };

    Rtc(PhysAddr frame, u32 intid) : registers_{frame}, intid_{intid} {}

    arm64::Mmio<Pl031> registers_;
    u32 intid_;
};

} // namespace baton::guest
