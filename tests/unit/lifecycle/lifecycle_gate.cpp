// SPDX-License-Identifier: BSD-2-Clause
#include "hyp/lifecycle/gate.hpp"
#include "hyp/lifecycle/order.hpp"
#include "hyp/lifecycle/step.hpp"

#include <doctest/doctest.h>
#include <vector>

using namespace baton;
using Passage = Gate::Passage;

TEST_CASE("an open gate counts the CPUs that come and go") {
    Gate gate{1};
    CHECK(gate.add(0) == Passage::granted);
    CHECK(gate.add(0) == Passage::granted);
    CHECK(gate.load().count == 3);
    CHECK(gate.remove(0) == Passage::granted);
    CHECK(gate.load().count == 2);
}

TEST_CASE("the last CPU cannot go") {
    Gate gate{1};
    CHECK(gate.remove(0) == Passage::last);
    CHECK(gate.load().count == 1);
}

TEST_CASE("a closed gate lets nobody pass, and one CPU alone closes it") {
    Gate gate{1};
    CHECK(gate.add(0) == Passage::granted);
    CHECK(gate.close(0) == Passage::granted);
    CHECK(gate.close(0) == Passage::closed);
    CHECK(gate.close(1) == Passage::closed);
    CHECK(gate.add(0) == Passage::closed);
    CHECK(gate.remove(0) == Passage::closed);
    CHECK(gate.load().epoch == 1);
    CHECK(gate.load().count == 2);
}

TEST_CASE("the last AP learns that it is the last") {
    Gate gate{1};
    gate.add(0);
    gate.add(0);
    gate.close(0);
    CHECK_FALSE(gate.arrive(1));
    CHECK(gate.arrive(1));
    gate.open(1, 1);
    CHECK(gate.load().count == 1);
    CHECK(gate.add(1) == Passage::granted);
}

TEST_CASE("an AP that arrives when the boot CPU has gone on counts for nothing") {
    Gate gate{1};
    gate.add(0);
    gate.close(0);
    gate.open(1, 1);
    CHECK_FALSE(gate.arrive(1));
    CHECK(gate.load().count == 1);
    SUBCASE("nor does it count in the next handover") {
        gate.add(1);
        gate.close(1);
        CHECK_FALSE(gate.arrive(1));
        CHECK(gate.load().count == 2);
    }
}

TEST_CASE("a CPU of an earlier epoch passes no more") {
    Gate gate{1};
    gate.close(0);
    gate.open(1, 1);
    CHECK(gate.add(0) == Passage::closed);
    CHECK(gate.remove(0) == Passage::closed);
    CHECK(gate.close(0) == Passage::closed);
    CHECK(gate.load().count == 1);
    CHECK_FALSE(gate.load().handover);
}

TEST_CASE("a VM that is off is started by one CPU alone") {
    Gate gate{0};
    CHECK(Gate::is_off(gate.load()));
    CHECK(gate.start(1) == Passage::closed);
    CHECK(gate.start(0) == Passage::granted);
    CHECK(gate.start(0) == Passage::closed);
    CHECK(gate.start(1) == Passage::closed);
    CHECK_FALSE(Gate::is_off(gate.load()));
    CHECK(gate.load().count == 1);
    gate.open(1, 1);
    CHECK(gate.start(1) == Passage::closed);
    CHECK(gate.add(1) == Passage::granted);
}

TEST_CASE("who saw an earlier time without a kernel starts nothing") {
    Gate gate{0};
    gate.start(0);
    gate.open(1, 1);
    gate.close(1);
    gate.open(2, 0);
    CHECK(gate.start(0) == Passage::closed);
    CHECK(gate.start(2) == Passage::granted);
}

TEST_CASE("a gate that is shut lets nobody start") {
    Gate gate{1};
    CHECK_FALSE(gate.shut());
    CHECK(gate.load().epoch == 0);
    gate.close(0);
    CHECK_FALSE(gate.shut());
    gate.open(1, 0);
    CHECK(gate.shut());
    CHECK(gate.start(1) == Passage::closed);
    CHECK(gate.start(2) == Passage::closed);
    CHECK_FALSE(gate.shut()); // nobody needs to know twice
}

TEST_CASE("one order waits, and is taken once") {
    Orders orders;
    CHECK(orders.waiting() == Order::none);
    CHECK(orders.give(Order::stop));
    CHECK_FALSE(orders.give(Order::enter));
    const Orders::Value first = orders.load();
    CHECK(first.order == Order::stop);
    CHECK(orders.take(first));
    CHECK_FALSE(orders.take(first));
    CHECK(orders.give(Order::stop));
    CHECK_FALSE(orders.take(first)); // another one of the same kind
    CHECK(orders.waiting() == Order::stop);
}

TEST_CASE("a table has its rows in the order of the stages, and no more than a trace holds") {
    constexpr auto step = [](Stage stage, bool parallel_safe = true) {
        return Step{"", stage, [](Vcpu&) {}, parallel_safe};
    };
    const Step good[] = {step(Stage::drain), step(Stage::drain), step(Stage::take_down)};
    CHECK(well_formed(good));
    CHECK(well_formed({}));
    const Step mixed[] = {step(Stage::gather), step(Stage::drain)};
    CHECK_FALSE(well_formed(mixed));
    const std::vector<Step> long_table(max_steps + 1, step(Stage::drain));
    CHECK_FALSE(well_formed(long_table));

    CHECK(first_unsafe(good) == nullptr);
    const Step unsafe[] = {step(Stage::drain), step(Stage::gather, false)};
    CHECK(first_unsafe(unsafe) == &unsafe[1]);
}
