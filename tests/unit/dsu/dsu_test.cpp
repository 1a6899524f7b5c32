// SPDX-License-Identifier: BSD-2-Clause
//
// How a cluster's counters are stopped, on a model of the unit, which QEMU has not; and the model
// that a guest gets.

#include "arch/arm64/dsu/model.hpp"
#include "arch/arm64/dsu/stop.hpp"
#include "tests/unit/dsu/dsu_model.hpp"

#include <doctest/doctest.h>

using namespace baton;
using namespace baton::arm64::dsu;
using baton::arm64::SysregEncoding;
using baton::test::DsuAccess;
using baton::test::DsuUnit;

namespace {

constexpr int none = -1;

struct Outcome {
    std::string left;
    int operations;
};

Outcome stop_without(u32 counters, int left_out) {
    DsuUnit unit{counters};
    unit.fill();
    int operation = 0;
    stop_counters(DsuAccess{&unit, &operation, left_out});
    return {unit.left(), operation};
}

/// `Model` as a guest has it.
class Guest {
  public:
    template <class Register>
    u64 read() {
        return model.read(Register::encoding, now);
    }
    template <class Register>
    void write(u64 value) {
        model.write(Register::encoding, value, now);
    }
    /// Event counter n counts `event` from `value` on.
    void start(u32 n, u64 event, u64 value) {
        write<CLUSTERPMSELR_EL1>(n);
        write<CLUSTERPMXEVTYPER_EL1>(event);
        write<CLUSTERPMXEVCNTR_EL1>(value);
        write<CLUSTERPMCNTENSET_EL1>(u64{1} << n);
    }
    static void isb() {}

    Model model;
    u64 now = 1000;
};

/// Baton's access to it, during which it counts on.
struct Access {
    Guest* guest;
    template <class Register>
    u64 read() const {
        guest->now += 1000;
        return guest->read<Register>();
    }
    template <class Register>
    void write(u64 value) const {
        guest->now += 1000;
        guest->write<Register>(value);
    }
    static void isb() {}
};

} // namespace

TEST_CASE("a cluster's counters are as after a cold boot, however many there are") {
    for (u32 counters = 0; counters <= 31; counters++) {
        CHECK(stop_without(counters, none).left == "");
    }
}

TEST_CASE("each operation is needed") {
    constexpr u32 counters = 6;
    constexpr int first_isb = 4;
    const int operations = stop_without(counters, none).operations;
    CHECK(operations > 20);
    for (int left_out = 0; left_out < operations; left_out++) {
        CAPTURE(left_out);
        // With event counters there is another ISB before the flags are cleared.
        CHECK((stop_without(counters, left_out).left != "") == (left_out != first_isb));
    }
    CHECK(stop_without(0, first_isb).left != "");
}

TEST_CASE("the guest's model counts ticks in cycles and bus cycles, and nothing else") {
    Guest guest;
    CHECK(CLUSTERPMCR_EL1::counters({guest.read<CLUSTERPMCR_EL1>()}) == 6);
    CHECK(guest.read<CLUSTERPMCEID0_EL1>() == (u64{1} << 0x11 | u64{1} << 0x1d));
    CHECK(guest.read<CLUSTERPMCEID1_EL1>() == 0);
    guest.start(0, 0x11, 5);
    guest.start(5, 0x1d, 0);
    guest.start(3, 0x2a, 0);
    guest.write<CLUSTERPMCNTENSET_EL1>(cycle_counter);
    guest.now += 100;
    CHECK(guest.read<CLUSTERPMCCNTR_EL1>() == 0); // not enabled as a whole
    guest.write<CLUSTERPMCR_EL1>(1);
    guest.now += 100;
    CHECK(guest.read<CLUSTERPMCCNTR_EL1>() == 100);
    CHECK(guest.read<CLUSTERPMXEVCNTR_EL1>() == 0); // the one of another event
    guest.write<CLUSTERPMSELR_EL1>(0);
    CHECK(guest.read<CLUSTERPMXEVCNTR_EL1>() == 105);
    guest.write<CLUSTERPMCNTENCLR_EL1>(1);
    guest.now += 100;
    CHECK(guest.read<CLUSTERPMXEVCNTR_EL1>() == 105);
    guest.write<CLUSTERPMSELR_EL1>(5);
    CHECK(guest.read<CLUSTERPMXEVCNTR_EL1>() == 200);
    guest.write<CLUSTERPMCR_EL1>(0b11); // P: the event counters, not the other
    CHECK(guest.read<CLUSTERPMXEVCNTR_EL1>() == 0);
    CHECK(guest.read<CLUSTERPMCCNTR_EL1>() == 200);
    guest.write<CLUSTERPMCR_EL1>(0b101);
    CHECK(guest.read<CLUSTERPMCCNTR_EL1>() == 0);
}

TEST_CASE("its overflows are flagged, and interrupt where that is enabled") {
    Guest guest;
    guest.start(1, 0x11, 0xffff'fff0);
    guest.write<CLUSTERPMCNTENSET_EL1>(cycle_counter);
    guest.write<CLUSTERPMCCNTR_EL1>(~u64{0} - 100);
    guest.write<CLUSTERPMCR_EL1>(1);
    guest.now += 15;
    CHECK(guest.read<CLUSTERPMOVSSET_EL1>() == 0);
    guest.now += 1;
    CHECK(guest.read<CLUSTERPMOVSCLR_EL1>() == 0b10);
    CHECK_FALSE(guest.model.interrupts());
    guest.write<CLUSTERPMINTENSET_EL1>(0b10 | cycle_counter);
    CHECK(guest.model.interrupts());
    guest.write<CLUSTERPMOVSCLR_EL1>(0b10);
    CHECK_FALSE(guest.model.interrupts());
    guest.now += 1000;
    CHECK(guest.read<CLUSTERPMOVSSET_EL1>() == cycle_counter);
    CHECK(guest.model.interrupts());
    guest.write<CLUSTERPMINTENCLR_EL1>(cycle_counter);
    CHECK_FALSE(guest.model.interrupts());
    guest.write<CLUSTERPMINTENSET_EL1>(cycle_counter);
    guest.write<CLUSTERPMCR_EL1>(0);
    CHECK_FALSE(guest.model.interrupts());
}

TEST_CASE("its registers have the bits that there are, and no counter beyond them") {
    Guest guest;
    guest.write<CLUSTERPMCNTENSET_EL1>(~u64{0});
    guest.write<CLUSTERPMINTENSET_EL1>(~u64{0});
    guest.write<CLUSTERPMOVSSET_EL1>(~u64{0});
    CHECK(guest.read<CLUSTERPMCNTENCLR_EL1>() == (cycle_counter | 0x3f));
    CHECK(guest.read<CLUSTERPMINTENCLR_EL1>() == (cycle_counter | 0x3f));
    CHECK(guest.read<CLUSTERPMOVSCLR_EL1>() == (cycle_counter | 0x3f));
    guest.write<CLUSTERPMSELR_EL1>(~u64{0});
    CHECK(guest.read<CLUSTERPMSELR_EL1>() == 31);
    guest.write<CLUSTERPMXEVTYPER_EL1>(0x11);
    guest.write<CLUSTERPMXEVCNTR_EL1>(1);
    CHECK(guest.read<CLUSTERPMXEVTYPER_EL1>() == 0);
    CHECK(guest.read<CLUSTERPMXEVCNTR_EL1>() == 0);
    guest.write<CLUSTERPMCR_EL1>(~u64{0});
    CHECK((guest.read<CLUSTERPMCR_EL1>() & 0x7ff) == 1);
}

TEST_CASE("what stops a real unit stops the model") {
    Guest guest;
    for (u32 n = 0; n < 6; n++) {
        guest.start(n, 0x11, 0xffff'ff00);
    }
    guest.write<CLUSTERPMCNTENSET_EL1>(cycle_counter);
    guest.write<CLUSTERPMINTENSET_EL1>(~u64{0});
    guest.write<CLUSTERPMCR_EL1>(1);
    stop_counters(Access{&guest});
    guest.now += 1000;
    CHECK(guest.read<CLUSTERPMCR_EL1>() == Guest{}.read<CLUSTERPMCR_EL1>());
    CHECK(guest.read<CLUSTERPMCNTENSET_EL1>() == 0);
    CHECK(guest.read<CLUSTERPMINTENSET_EL1>() == 0);
    CHECK(guest.read<CLUSTERPMOVSSET_EL1>() == 0);
    CHECK(guest.read<CLUSTERPMSELR_EL1>() == 0);
    CHECK(guest.read<CLUSTERPMCCNTR_EL1>() == 0);
    for (u32 n = 0; n < 6; n++) {
        guest.write<CLUSTERPMSELR_EL1>(n);
        CHECK(guest.read<CLUSTERPMXEVTYPER_EL1>() == 0);
        CHECK(guest.read<CLUSTERPMXEVCNTR_EL1>() == 0);
    }
    CHECK_FALSE(guest.model.interrupts());
}
