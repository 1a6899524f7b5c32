// SPDX-License-Identifier: BSD-2-Clause
#include "arch/arm64/calls/firmware_buffers.hpp"
#include "arch/arm64/calls/firmware_table.hpp"

#include <doctest/doctest.h>
#include <optional>
#include <vector>

namespace baton::arm64 {
namespace {

enum Function : u32 {
    FFA_RXTX_MAP_32 = 0x8400'0066,
    FFA_RXTX_MAP_64 = 0xc400'0066,
    SDEI_EVENT_REGISTER = 0xc400'0021,
    PSCI_SYSTEM_OFF = 0x8400'0008,
    TRNG_RND_64 = 0xc400'0053,
    MM_COMMUNICATE_64 = 0xc400'0041,
    FFA_MEM_SHARE_32 = 0x8400'0073,
    FFA_NOTIFICATION_BIND = 0x8400'007f,
    FFA_MSG_SEND_DIRECT_REQ_64 = 0xc400'006f,
    DRTM_DYNAMIC_LAUNCH = 0xc400'0114,
    RMI_VERSION = 0xc400'0150,
    ZYNQMP_PM_GET_API_VERSION = 0xc200'0001,
    OEM_CALL = 0x8300'0000,
    OPTEE_CALL_WITH_ARG = 0x3200'0004,
    OPTEE_GET_OS_UUID = 0xb200'0000,
    CPU_SERVICE = 0x8100'0000,
};
constexpr i32 DENIED = -6;

/// A manager of partitions at EL3 with one pair of buffers for its caller (DEN0077A 7.2.2).
class FirmwareModel {
  public:
    void operator()(SmcccRegisters& registers) {
        calls.push_back(static_cast<u32>(registers[0]));
        switch (static_cast<u32>(registers[0])) {
        case FFA_RXTX_MAP_32:
        case FFA_RXTX_MAP_64:
            if (receive) {
                return ffa::fail(registers, DENIED);
            }
            receive = GuestAddr{registers[2]};
            break;
        case ffa::RXTX_UNMAP:
            if (is_stubborn) {
                return ffa::fail(registers, DENIED);
            }
            if (!receive) {
                return ffa::fail(registers, ffa::INVALID_PARAMETERS);
            }
            receive.reset();
            break;
        default:
            return ffa::fail(registers, ffa::NOT_SUPPORTED);
        }
        registers = {ffa::SUCCESS_32};
    }

    std::optional<GuestAddr> receive;
    std::vector<u32> calls;
    bool is_stubborn = false;
};

struct Kernel {
    FirmwareModel firmware;
    FirmwareBuffers buffers;
    GuestAddr begin{0x4000'0000};
    GuestAddr end{0x4001'0000};

    i32 map(u32 function, u64 transmit, u64 receive, u64 pages) {
        SmcccRegisters registers{function, transmit, receive, pages};
        buffers.map(
            registers, [&](SmcccRegisters& call) { firmware(call); },
            [&](GuestAddr address) { return address >= begin && address < end; });
        return static_cast<u32>(registers[0]) == ffa::SUCCESS_32 ? 0
                                                                 : static_cast<i32>(registers[2]);
    }
    bool hand_over() {
        return buffers.unmap([&](SmcccRegisters& call) { firmware(call); });
    }
};

} // namespace

TEST_CASE("what Baton does not answer goes to whom the table names") {
    CHECK(rule_of(ZYNQMP_PM_GET_API_VERSION) == CallRule::forward);
    CHECK(rule_of(OEM_CALL) == CallRule::forward);
    CHECK(rule_of(MM_COMMUNICATE_64) == CallRule::forward);
    CHECK(rule_of(FFA_MSG_SEND_DIRECT_REQ_64) == CallRule::forward);
    CHECK(rule_of(TRNG_RND_64) == CallRule::stateless);
    CHECK(rule_of(FFA_RXTX_MAP_32) == CallRule::map_buffers);
    CHECK(rule_of(FFA_RXTX_MAP_64) == CallRule::map_buffers);
    CHECK(rule_of(FFA_MEM_SHARE_32) == CallRule::refuse_ffa);
    CHECK(rule_of(FFA_NOTIFICATION_BIND) == CallRule::refuse_ffa);
    for (const u32 refused : {SDEI_EVENT_REGISTER, PSCI_SYSTEM_OFF, DRTM_DYNAMIC_LAUNCH,
                              RMI_VERSION, OPTEE_CALL_WITH_ARG, OPTEE_GET_OS_UUID, CPU_SERVICE}) {
        CAPTURE(refused);
        CHECK(rule_of(refused) == CallRule::refuse);
    }
}

TEST_CASE("no function of the trusted owners and none that may be interrupted is forwarded") {
    for (u32 owner = 0; owner < 64; owner++) {
        for (u32 number = 0; number < 0x1'0000; number += 0x11) {
            const u32 function = owner << 24 | number;
            CHECK(rule_of(function) == CallRule::refuse);
            const bool may_pass = owner == 2 || owner == 3 || owner == 4;
            CHECK((may_pass || rule_of(function | 0x8000'0000) == CallRule::refuse));
        }
    }
}

TEST_CASE("buffers are forwarded if all of their pages are the guest's own") {
    Kernel kernel;
    SUBCASE("they are") {
        CHECK(kernel.map(FFA_RXTX_MAP_64, 0x4000'0000, 0x4000'f000, 1) == 0);
        CHECK(kernel.firmware.receive == GuestAddr{0x4000'f000});
    }
    SUBCASE("of a 32-bit call only the low halves are addresses") {
        CHECK(kernel.map(FFA_RXTX_MAP_32, 0xffff'0000'4000'0000, 0x4000'1000, 1) == 0);
    }
    SUBCASE("the last page of the second is not") {
        CHECK(kernel.map(FFA_RXTX_MAP_64, 0x4000'0000, 0x4000'e000, 3) == ffa::INVALID_PARAMETERS);
        CHECK(kernel.firmware.calls.empty());
    }
    SUBCASE("the first is not") {
        CHECK(kernel.map(FFA_RXTX_MAP_64, 0x3fff'f000, 0x4000'e000, 1) == ffa::INVALID_PARAMETERS);
        CHECK(kernel.firmware.calls.empty());
    }
    SUBCASE("one lies across a page's end") {
        CHECK(kernel.map(FFA_RXTX_MAP_64, 0x4000'0800, 0x4000'e000, 1) == ffa::INVALID_PARAMETERS);
        CHECK(kernel.firmware.calls.empty());
    }
    SUBCASE("they wrap") {
        CHECK(kernel.map(FFA_RXTX_MAP_64, ~u64{0xfff}, 0x4000'e000, 2) == ffa::INVALID_PARAMETERS);
        CHECK(kernel.firmware.calls.empty());
    }
}

TEST_CASE("a handover takes the buffers back, so that the next kernel can have its own") {
    Kernel kernel;
    CHECK(kernel.hand_over());
    CHECK(kernel.firmware.calls.empty()); // nobody asked for any: a handover costs no call

    for (int generation = 0; generation < 10; generation++) {
        CHECK(kernel.map(FFA_RXTX_MAP_64, 0x4000'0000, 0x4000'1000, 1) == 0);
        CHECK(kernel.map(FFA_RXTX_MAP_64, 0x4000'2000, 0x4000'3000, 1) == DENIED);
        CHECK(kernel.hand_over());
        CHECK(!kernel.firmware.receive);
    }
    SUBCASE("a kernel that did it itself is no error") {
        CHECK(kernel.map(FFA_RXTX_MAP_64, 0x4000'0000, 0x4000'1000, 1) == 0);
        kernel.firmware.receive.reset();
        CHECK(kernel.hand_over());
    }
    SUBCASE("a firmware that keeps them is asked again at the next") {
        CHECK(kernel.map(FFA_RXTX_MAP_64, 0x4000'0000, 0x4000'1000, 1) == 0);
        kernel.firmware.is_stubborn = true;
        CHECK(!kernel.hand_over());
        kernel.firmware.is_stubborn = false;
        CHECK(kernel.hand_over());
        CHECK(!kernel.firmware.receive);
    }
}

} // namespace baton::arm64
