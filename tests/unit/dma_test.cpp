// SPDX-License-Identifier: BSD-2-Clause
#include "hyp/devices/dma.hpp"

#include <doctest/doctest.h>

#include <array>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace baton {
namespace {

constexpr u64 ecam_base = 0x40'1000'0000;
constexpr u64 frames_base = 0x0a00'0000;
/// The one memory window: functions see it at 3 GiB, the CPU elsewhere.
constexpr u64 window_pci = 3 * GiB;
constexpr u64 window_cpu = 0x80'0000'0000;
constexpr u64 window_size = 256 * MiB;
/// Where add_virtio puts the common configuration structure into its BAR.
constexpr u32 common_offset = 0x2000;

/// One PCI function. As much of it as a walk and a reset can see.
struct FakeFunction {
    std::array<u8, 256> config{};
    std::string name;
    bool bus_master_stuck = false;
    bool is_virtio = false;
    u8 status = 0;       ///< virtio's device_status
    u32 reset_takes = 0; ///< reads of it before a reset is done
    bool reset_pending = false;

    u16 word(usize at) const { return static_cast<u16>(config[at] | config[at + 1] << 8); }
    u64 status_address() const {
        const u64 high = (config[0x20] & 0x4) != 0 ? dword(0x24) : 0;
        return ((high << 32 | dword(0x20)) & ~u64{0xf}) + common_offset + 0x14;
    }
    u32 dword(usize at) const { return word(at) | static_cast<u32>(word(at + 2)) << 16; }
    void set16(usize at, unsigned value) {
        config[at] = static_cast<u8>(value);
        config[at + 1] = static_cast<u8>(value >> 8);
    }
    void set32(usize at, u32 value) {
        set16(at, value & 0xffff);
        set16(at + 2, value >> 16);
    }
    bool is_master() const { return (word(0x04) & 4) != 0; }
};

struct FakeFrame {
    u32 magic = 0x7472'6976;
    u32 device_id = 0;
    u32 status = 0;
    bool answers = true;
};

/// Functions by bus, device, function. A bus is reached if a bridge that is reached has its number;
/// an access outside of ECAM and frames, or one that hits no register it may, fails the test.
class FakeMachine {
  public:
    PciHost host{.ecam = {{ecam_base}, 16 * MiB}, .first_bus = 0, .last_bus = 15, .windows = {}};

    FakeMachine() {
        using enum PciWindow::Kind;
        // The I/O window is a decoy: it lies over the memory window's PCI addresses.
        REQUIRE(host.windows.push({io, false, {{64 * KiB}, 4 * GiB}, 0}));
        REQUIRE(host.windows.push({memory64, true, {{window_cpu}, window_size}, window_pci}));
    }
    std::vector<std::string> log; ///< writes, by what they do
    std::array<FakeFrame, 4> frames{};
    usize accesses = 0;

    FakeFunction& add(unsigned bus, unsigned device, unsigned function, std::string name) {
        auto& made = functions_[key(bus, device, function)];
        made.name = name;
        made.set16(0x00, 0x1b36);
        made.set16(0x04, 0x0406); // memory, bus master, interrupt disable
        made.set16(0x06, 0xf900); // error bits, which a write of ones would clear
        return made;
    }
    FakeFunction& add_bridge(unsigned bus, unsigned device, unsigned secondary, std::string name) {
        auto& made = add(bus, device, 0, name);
        made.config[0x0e] = 1;
        made.config[0x19] = static_cast<u8>(secondary);
        return made;
    }
    /// With a power-management capability first, and the common structure in a 64-bit BAR 4.
    FakeFunction& add_virtio(unsigned bus, unsigned device, std::string name) {
        auto& made = add(bus, device, 0, name);
        made.is_virtio = true;
        made.status = 0x0f;
        made.set16(0x00, 0x1af4);
        made.set16(0x06, 0x0010);
        made.set32(0x20, static_cast<u32>(window_pci + bus * MiB + device * 32 * KiB) | 0xc);
        made.config[0x34] = 0x40;
        capability(made, 0x40, 0x01, 0x50, 0);
        capability(made, 0x50, 0x09, 0x60, 2); // notifications
        capability(made, 0x60, 0x09, 0x70, 1); // common
        made.config[0x64] = 4;
        made.set32(0x68, common_offset);
        capability(made, 0x70, 0x09, 0x00, 5);
        return made;
    }
    static void capability(FakeFunction& made, usize at, u8 id, u8 next, u8 type) {
        made.config[at] = id;
        made.config[at + 1] = next;
        made.config[at + 3] = type;
    }

    u8 read8(PhysAddr at) { return static_cast<u8>(read(at, 1)); }
    u16 read16(PhysAddr at) { return static_cast<u16>(read(at, 2)); }
    u32 read32(PhysAddr at) { return read(at, 4); }
    void write8(PhysAddr at, u8 value) { write(at, 1, value); }
    void write16(PhysAddr at, u16 value) { write(at, 2, value); }
    void write32(PhysAddr at, u32 value) { write(at, 4, value); }

    DmaOff run() {
        std::vector<PhysRange> ranges;
        for (usize i = 0; i < frames.size(); i++) {
            ranges.push_back({{frames_base + i * 0x200}, 0x200});
        }
        return dma_off(*this, {&host, 1}, ranges);
    }
    bool any_master() const {
        for (const auto& [place, function] : functions_) {
            if (function.is_master()) {
                return true;
            }
        }
        return false;
    }

  private:
    static u64 key(u64 bus, u64 device, u64 function) {
        return bus << 20 | device << 15 | function << 12;
    }

    FakeFunction* find(PhysAddr at, usize width) {
        accesses++;
        REQUIRE(accesses < 1'000'000);
        REQUIRE(host.ecam.contains(PhysRange{at, width}));
        REQUIRE(at.is_aligned(width));
        const u64 offset = at - host.ecam.begin + (u64{host.first_bus} << 20);
        const auto found = functions_.find(align_down(offset, page_size));
        return found == functions_.end() || !is_reached(offset >> 20) ? nullptr : &found->second;
    }
    bool is_reached(u64 bus) const {
        if (bus == host.first_bus) {
            return true;
        }
        for (const auto& [place, function] : functions_) {
            if (function.config[0x0e] == 1 && function.config[0x19] == bus) {
                return true;
            }
        }
        return false;
    }
    /// The function whose device_status this is. Nothing else in the window may be touched.
    FakeFunction* find_status(PhysAddr at, usize width) {
        if (!PhysRange{{window_cpu}, window_size}.contains(at)) {
            return nullptr;
        }
        REQUIRE(width == 1);
        accesses++;
        for (auto& [place, function] : functions_) {
            if (function.is_virtio &&
                function.status_address() - window_pci == at.value - window_cpu) {
                return &function;
            }
        }
        FAIL("a register that is nobody's status");
        return nullptr;
    }
    FakeFrame* frame(PhysAddr at) {
        const u64 offset = at.value - frames_base;
        return offset < frames.size() * 0x200 ? &frames[offset / 0x200] : nullptr;
    }

    u32 read(PhysAddr at, usize width) {
        if (const FakeFrame* f = frame(at)) {
            REQUIRE(width == 4);
            const u64 offset = (at.value - frames_base) % 0x200;
            return offset == 0 ? f->magic : offset == 8 ? f->device_id : f->status;
        }
        if (FakeFunction* const device = find_status(at, width)) {
            if (device->reset_pending && device->reset_takes-- == 0) {
                device->status = 0;
                device->reset_pending = false;
            }
            return device->status;
        }
        FakeFunction* const function = find(at, width);
        const usize offset = at.value % page_size;
        REQUIRE(offset < 256);
        if (function == nullptr) {
            return ~u32{0};
        }
        return width == 1   ? function->config[offset]
               : width == 2 ? function->word(offset)
                            : function->dword(offset);
    }

    void write(PhysAddr at, usize width, u32 value) {
        if (FakeFrame* f = frame(at)) {
            REQUIRE((at.value - frames_base) % 0x200 == 0x70);
            REQUIRE(width == 4);
            log.push_back("status of frame = " + std::to_string(value));
            f->status = f->answers ? value : f->status;
            return;
        }
        if (FakeFunction* const device = find_status(at, width)) {
            CHECK(value == 0);
            log.push_back("reset " + device->name);
            device->reset_pending = true;
            return;
        }
        FakeFunction* const function = find(at, width);
        const usize offset = at.value % page_size;
        REQUIRE(function != nullptr);
        if (offset == 0x04) {
            REQUIRE(width == 2); // 4 bytes would write the status register, too
            CHECK(value == (function->word(4) & ~u32{4}));
            log.push_back("stop " + function->name);
            if (!function->bus_master_stuck) {
                function->set16(4, value);
            }
            return;
        }
        FAIL("a write to configuration space that has no business there");
    }

    std::map<u64, FakeFunction> functions_;
};

using Log = std::vector<std::string>;

} // namespace

TEST_SUITE("dma off") {
    TEST_CASE("virtio is reset, then stopped; bridges come last") {
        FakeMachine m;
        m.add(0, 0, 0, "host").set16(4, 0);
        m.add_bridge(0, 1, 1, "port");
        m.add_virtio(0, 2, "disk");
        m.add_bridge(1, 0, 2, "switch");
        m.add_virtio(2, 0, "net");
        m.add(2, 1, 0, "nvme");
        const DmaOff done = m.run();
        CHECK(m.log == Log{"reset disk", "stop disk", "reset net", "stop net", "stop nvme",
                           "stop port", "stop switch"});
        CHECK(done.functions == 6);
        CHECK(done.virtio == 2);
        CHECK(done.running == 0);
        CHECK(done.unanswered == 0);
        CHECK(done.left.empty());
        CHECK_FALSE(m.any_master());
    }

    TEST_CASE("only functions that a multi-function header announces are looked at") {
        FakeMachine m;
        m.add(0, 3, 0, "first");
        m.add(0, 3, 1, "not a function");
        m.add(0, 4, 0, "many").config[0x0e] = 0x80;
        m.add(0, 4, 7, "last");
        m.add(0, 5, 1, "without a first");
        CHECK(m.run().functions == 3);
        CHECK(m.log == Log{"stop first", "stop many", "stop last"});
    }

    TEST_CASE("bus numbers that make no sense end the walk all the same") {
        FakeMachine m;
        m.add_bridge(0, 1, 0, "unnumbered");
        m.add_bridge(0, 2, 2, "down");
        m.add_bridge(0, 3, 2, "down again");
        m.add_bridge(2, 0, 2, "itself");
        m.add_bridge(2, 1, 0, "back up");
        m.add_bridge(2, 2, 16, "beyond the host bridge");
        m.add_bridge(2, 3, 255, "far beyond");
        m.add(2, 4, 0, "endpoint");
        const DmaOff done = m.run();
        CHECK(done.functions == 8);
        CHECK_FALSE(m.any_master());
        CHECK(m.log.front() == "stop endpoint");
    }

    TEST_CASE("a host bridge that begins at a bus other than 0") {
        FakeMachine m;
        m.host.first_bus = 8;
        m.host.ecam.size = 8 * MiB;
        m.add_bridge(8, 0, 9, "port");
        m.add(9, 0, 0, "endpoint");
        m.add_bridge(8, 1, 1, "of another host bridge");
        CHECK(m.run().functions == 3);
        CHECK_FALSE(m.any_master());
    }

    TEST_CASE("every bus full of bridges") {
        FakeMachine m;
        for (unsigned bus = 0; bus < 16; bus++) {
            for (unsigned device = 0; device < 32; device++) {
                m.add_bridge(bus, device, bus + 1, "bridge");
            }
        }
        CHECK(m.run().functions == 512);
        CHECK_FALSE(m.any_master());
    }

    TEST_CASE("configuration space shorter than the bus numbers say is not left") {
        FakeMachine m;
        m.host.ecam.size = 1 * MiB;
        m.add_bridge(0, 0, 1, "port");
        CHECK(m.run().functions == 1); // FakeMachine refuses what lies beyond
    }

    TEST_CASE("virtio devices differ") {
        FakeMachine m;
        FakeFunction& disk = m.add_virtio(0, 1, "disk");
        SUBCASE("a slow one is waited for") {
            disk.reset_takes = 5;
            const DmaOff done = m.run();
            CHECK(disk.status == 0);
            CHECK(done.virtio == 1);
        }
        SUBCASE("one that never answers is stopped and counted") {
            disk.reset_takes = ~u32{0};
            const DmaOff done = m.run();
            CHECK(done.virtio == 0);
            CHECK(done.unanswered == 1);
            CHECK(done.running == 0);
            CHECK(done.left.empty());
            CHECK(m.accesses < 2000);
        }
        SUBCASE("in a 32-bit BAR") {
            disk.set32(0x20, static_cast<u32>(window_pci));
            disk.set32(0x24, 0x1234); // another BAR
            CHECK(m.run().virtio == 1);
        }
        SUBCASE("one that does not answer to its BARs is just stopped") {
            disk.set16(0x04, 4);
            CHECK(m.run().virtio == 0);
        }
        SUBCASE("or has no address in them") {
            disk.set32(0x20, 0xc);
            CHECK(m.run().virtio == 0);
        }
        SUBCASE("or one outside of the host bridge's memory windows") {
            SUBCASE("below") { disk.set32(0x20, static_cast<u32>(window_pci - 1 * MiB) | 0xc); }
            SUBCASE("above") { disk.set32(0x20, static_cast<u32>(window_pci + window_size) | 0xc); }
            SUBCASE("far above") { disk.set32(0x24, 1); }
            SUBCASE("across the end") { disk.set32(0x68, window_size - 0x14); }
            SUBCASE("round the end of all addresses") {
                disk.set32(0x20, 0xffff'fff0);
                disk.set32(0x24, 0xffff'ffff);
                disk.set32(0x68, 0x20);
            }
            CHECK(m.run().virtio == 0);
        }
        SUBCASE("or says that it is in a BAR that there cannot be") {
            SUBCASE("the seventh") { disk.config[0x64] = 6; }
            SUBCASE("half of one") {
                disk.config[0x64] = 5;
                disk.set32(0x24, static_cast<u32>(window_pci) | 0xc);
            }
            SUBCASE("for I/O") { disk.set32(0x20, static_cast<u32>(window_pci) | 1); }
            CHECK(m.run().virtio == 0);
        }
        SUBCASE("a legacy one is just stopped") {
            disk.set16(0x06, 0);
            CHECK(m.run().virtio == 0);
        }
        SUBCASE("so is one whose capabilities lead in a circle") {
            disk.config[0x51] = 0x40;
            CHECK(m.run().virtio == 0);
        }
        SUBCASE("and one whose capabilities lead out of their space") {
            disk.config[0x41] = 0x04;
            CHECK(m.run().virtio == 0);
        }
        CHECK_FALSE(m.any_master());
    }

    TEST_CASE("a function that keeps its bus master bit is named") {
        FakeMachine m;
        m.add(0, 7, 0, "stubborn").bus_master_stuck = true;
        const DmaOff done = m.run();
        CHECK(done.running == 1);
        REQUIRE(done.left.size() == 1);
        CHECK(done.left[0].value == ecam_base + (7 << 15));
    }

    TEST_CASE("virtio-mmio frames: only devices are reset") {
        FakeMachine m;
        m.frames[0] = {.device_id = 2, .status = 0xf};
        m.frames[1] = {.device_id = 0, .status = 1};
        m.frames[2] = {.magic = 0, .device_id = 1, .status = 1};
        SUBCASE("and they answer") {
            CHECK(m.run().virtio == 1);
            CHECK(m.frames[0].status == 0);
        }
        SUBCASE("or count as running, for nothing else stops them") {
            m.frames[0].answers = false;
            const DmaOff done = m.run();
            CHECK(done.virtio == 0);
            CHECK(done.running == 1);
            REQUIRE(done.left.size() == 1);
            CHECK(done.left[0].value == frames_base);
        }
        CHECK(m.log == Log{"status of frame = 0"});
    }
}

} // namespace baton
