// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/devices/device_memory.hpp"
#include "hyp/platform/parse/uart.hpp"

namespace baton {

template <class M>
concept UartMemory = DeviceMemory<M> && requires { M::pause(); };

/// The registers of a UART that firmware has set up, and waiting for them.
///
/// A UART that is stuck costs one full wait: until it moves again, what is put is lost at once.
template <UartMemory Memory>
class UartPort {
  public:
    constexpr UartPort() = default;
    constexpr UartPort(const UartInfo& uart, Memory memory)
        : memory_{memory}, base_{uart.registers()}, shift_{uart.shift}, width_{uart.width} {}

    u32 read32(u32 offset) const { return memory_.read32(base_ + offset); }
    void write32(u32 offset, u32 value) const { memory_.write32(base_ + offset, value); }
    u16 read16(u32 offset) const { return memory_.read16(base_ + offset); }
    void write16(u32 offset, u16 value) const { memory_.write16(base_ + offset, value); }
    void write8(u32 offset, u8 value) const { memory_.write8(base_ + offset, value); }

    /// Where register `number` is, of those that are counted.
    u32 at(u32 number) const { return number << shift_; }
    /// An access as wide as the description says.
    u32 read(u32 offset) const {
        switch (width_) {
        case 1:
            return memory_.read8(base_ + offset);
        case 2:
            return memory_.read16(base_ + offset);
        default:
            return memory_.read32(base_ + offset);
        }
    }
    void write(u32 offset, u32 value) const {
        switch (width_) {
        case 1:
            memory_.write8(base_ + offset, static_cast<u8>(value));
            break;
        case 2:
            memory_.write16(base_ + offset, static_cast<u16>(value));
            break;
        default:
            memory_.write32(base_ + offset, value);
        }
    }

    /// Until is_ready() says so. False: not within the time that far more than one character takes
    /// at 9600 baud.
    template <class Predicate>
    bool wait(Predicate is_ready) {
        for (u32 polls = 0; !is_ready(); polls++) {
            if (is_stuck_ || polls == most_polls) {
                is_stuck_ = true;
                return false;
            }
            Memory::pause();
        }
        is_stuck_ = false;
        return true;
    }

    static constexpr u32 most_polls = 200'000;

  private:
    Memory memory_{};
    PhysAddr base_{};
    u8 shift_ = 0, width_ = 4;
    bool is_stuck_ = false;
};

} // namespace baton
