// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/console/uart/uart.hpp"

#include <doctest/doctest.h>
#include <functional>
#include <optional>
#include <string>

/// Register files of UARTs, as far as a driver that only prints can see them. An access that the
/// device does not take, or a character for which there is no room, is a failure.
namespace baton::test {

struct Access {
    u32 offset; ///< from UartInfo::frame's begin
    u32 width;  ///< bytes
    bool operator==(const Access&) const = default;
};

/// The transmitter: a FIFO that passes one character on with every third look at the flags.
struct Line {
    std::string out;
    u32 depth = 4, level = 0, looks = 0;
    bool is_stuck = false;

    void put(u32 c) {
        REQUIRE(level < depth);
        out += static_cast<char>(c);
        level++;
    }
    void look() {
        looks++;
        if (!is_stuck && looks % 3 == 0 && level > 0) {
            level--;
        }
    }
    bool is_full() const { return level == depth; }
    bool is_empty() const { return level == 0; }
};

struct Model {
    Line line;
    std::function<u32(Access)> read;
    std::function<void(Access, u32)> write;
};

inline constexpr u64 uart_base = 0xfe21'5000;

/// The one UART that there is; a test case makes it.
inline Model* model = nullptr;

struct ModelMemory {
    static u32 read(PhysAddr at, u32 width) {
        return model->read({static_cast<u32>(at.value - uart_base), width});
    }
    static void write(PhysAddr at, u32 width, u32 value) {
        model->write({static_cast<u32>(at.value - uart_base), width}, value);
    }
    static u8 read8(PhysAddr at) { return static_cast<u8>(read(at, 1)); }
    static u16 read16(PhysAddr at) { return static_cast<u16>(read(at, 2)); }
    static u32 read32(PhysAddr at) { return read(at, 4); }
    static void write8(PhysAddr at, u8 value) { write(at, 1, value); }
    static void write16(PhysAddr at, u16 value) { write(at, 2, value); }
    static void write32(PhysAddr at, u32 value) { write(at, 4, value); }
    static void pause() {}
};
static_assert(UartMemory<ModelMemory>);

/// One register with flags, one for data: what most are.
struct SimpleUart {
    Access flags, data;
    u32 when_full = 0, when_not_full = 0, when_empty = 0, when_not_empty = 0;
    /// One in which the transmitter is switched on, if there is such.
    std::optional<Access> control{};
    u32 control_value = 0, when_on = 0;

    void build(Model& made) {
        made.read = [this, &made](Access at) {
            if (at == control) {
                return control_value;
            }
            REQUIRE(at == flags);
            made.line.look();
            return (made.line.is_full() ? when_full : when_not_full) |
                   (made.line.is_empty() ? when_empty : when_not_empty);
        };
        made.write = [this, &made](Access at, u32 value) {
            if (at == control) {
                control_value = value;
                return;
            }
            REQUIRE(at == data);
            REQUIRE((!control || control_value == when_on));
            made.line.put(value);
        };
    }
};

} // namespace baton::test
