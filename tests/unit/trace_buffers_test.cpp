// SPDX-License-Identifier: BSD-2-Clause
//
// Profiling and trace buffers on a model of the units, which QEMU has not: every operation is
// needed, and there is none where a unit is missing or belongs to EL3.

#include "arch/arm64/steps/trace_buffers.hpp"

#include <doctest/doctest.h>
#include <functional>
#include <map>
#include <string>
#include <tuple>
#include <vector>

using namespace baton;
using namespace baton::arm64;

namespace {

using Key = std::tuple<u32, u32, u32, u32, u32>;
template <class Register>
Key key_of() {
    constexpr SysregEncoding e = Register::encoding;
    return {e.op0, e.op1, e.crn, e.crm, e.op2};
}

/// One thing that software did.
struct Operation {
    enum class Kind { zero, isb, dsb, drain, drop_records } kind;
    Key reg{};
};
using Tape = std::vector<Operation>;

/// A core whose unit is at work: `source` makes data, `drain` sends it on its way to the buffer
/// that `buffer` enables, and a DSB sees it there.
struct Unit {
    Key source, buffer;
    std::vector<Key> state; ///< all that holds something
    u32 drains_needed = 1;  ///< 2: the first is lost, as by an erratum
};

/// What is wrong after the tape has been played; empty: nothing.
std::string play(const Unit& unit, const Tape& tape) {
    std::map<Key, bool> set;
    for (const Key& reg : unit.state) {
        set[reg] = true;
    }
    bool makes = true, enabled = true; // what has taken effect
    bool held = true, in_flight = false;
    u32 drains = 0;
    for (const Operation& operation : tape) {
        switch (operation.kind) {
        case Operation::Kind::zero:
            set[operation.reg] = false;
            break;
        case Operation::Kind::isb:
            makes = set[unit.source];
            enabled = set[unit.buffer];
            break;
        case Operation::Kind::drain:
            if (!makes && held && ++drains >= unit.drains_needed) {
                held = false;
                in_flight = true;
            }
            break;
        case Operation::Kind::dsb:
            in_flight = false;
            break;
        case Operation::Kind::drop_records:
            held = held && makes;
            break;
        }
        if (!set[unit.buffer] && unit.buffer != unit.source && (held || in_flight)) {
            return "the buffer goes off while data is on its way";
        }
    }
    if (makes || held) {
        return "data is still made";
    }
    if (in_flight || enabled) {
        return "data may still reach memory";
    }
    for (const auto& [reg, is_set] : set) {
        if (is_set) {
            return "a register keeps what it held";
        }
    }
    return {};
}

/// Tapes what is done to a core that has these ID registers.
class Recorder {
  public:
    Recorder(std::map<Key, u64> ids, Tape& tape) : ids_{std::move(ids)}, tape_{&tape} {}

    template <class Register>
    Bits<Register> read() const {
        const auto found = ids_.find(key_of<Register>());
        REQUIRE_MESSAGE(found != ids_.end(), "a register is read that is not there");
        return {found->second};
    }
    template <class Register>
    void zero() {
        tape_->push_back({Operation::Kind::zero, key_of<Register>()});
    }
    void isb() { tape_->push_back({Operation::Kind::isb}); }
    void dsb() { tape_->push_back({Operation::Kind::dsb}); }
    void psb_csync() { tape_->push_back({Operation::Kind::drain}); }
    void tsb_csync() { tape_->push_back({Operation::Kind::drain}); }
    void brb_iall() { tape_->push_back({Operation::Kind::drop_records}); }

  private:
    std::map<Key, u64> ids_;
    Tape* tape_;
};

/// The last ISB keeps an interrupt line from being seen late, which this model has none of.
Tape without_last_isb(Tape tape) {
    if (!tape.empty() && tape.back().kind == Operation::Kind::isb) {
        tape.pop_back();
    }
    return tape;
}

void check_each_is_needed(const Unit& unit, const Tape& whole) {
    CHECK(play(unit, whole) == "");
    const Tape tape = without_last_isb(whole);
    REQUIRE(play(unit, tape) == "");
    for (usize left_out = 0; left_out < tape.size(); left_out++) {
        CAPTURE(left_out);
        Tape rest = tape;
        rest.erase(rest.begin() + static_cast<std::ptrdiff_t>(left_out));
        CHECK(play(unit, rest) != "");
    }
}

constexpr u64 one_at(u32 low) { return u64{1} << low; }
const Key features = key_of<ID_AA64DFR0_EL1>();

template <class... Registers>
std::vector<Key> keys() {
    return {key_of<Registers>()...};
}

} // namespace

TEST_CASE("a profiling buffer is drained before it goes off, and nothing of it stays") {
    const Unit unit{key_of<PMSCR_EL1>(), key_of<PMBLIMITR_EL1>(),
                    keys<PMSCR_EL1, PMBLIMITR_EL1, PMBSR_EL1, PMBPTR_EL1, PMSICR_EL1, PMSIRR_EL1,
                         PMSFCR_EL1, PMSEVFR_EL1, PMSLATFR_EL1, PMSNEVFR_EL1>()};
    Tape tape;
    trace::stop_profiling(Recorder{{{features, one_at(32)},
                                    {key_of<PMBIDR_EL1>(), 0},
                                    {key_of<PMSIDR_EL1>(), PMSIDR_EL1::FnE.value}},
                                   tape});
    check_each_is_needed(unit, tape);
}

TEST_CASE("PMSNEVFR_EL1 is not touched where it is not") {
    Tape tape;
    trace::stop_profiling(Recorder{
        {{features, one_at(32)}, {key_of<PMBIDR_EL1>(), 0}, {key_of<PMSIDR_EL1>(), 0}}, tape});
    CHECK(!tape.empty());
    for (const Operation& operation : tape) {
        CHECK(operation.reg != key_of<PMSNEVFR_EL1>());
    }
}

TEST_CASE("a trace buffer is drained before it goes off, and nothing of it stays") {
    // A core on which the first TSB CSYNC does nothing.
    const Unit unit{key_of<TRFCR_EL1>(), key_of<TRBLIMITR_EL1>(),
                    keys<TRFCR_EL1, TRBLIMITR_EL1, TRBSR_EL1, TRBPTR_EL1, TRBBASER_EL1, TRBMAR_EL1,
                         TRBTRG_EL1>(),
                    2};
    Tape tape;
    trace::stop_tracing(Recorder{{{features, one_at(44)}, {key_of<TRBIDR_EL1>(), 0}}, tape});
    check_each_is_needed(unit, tape);
}

TEST_CASE("branch records stop, and are dropped") {
    const Unit unit{
        key_of<BRBCR_EL1>(), key_of<BRBCR_EL1>(),
        keys<BRBCR_EL1, BRBFCR_EL1, BRBTS_EL1, BRBINFINJ_EL1, BRBSRCINJ_EL1, BRBTGTINJ_EL1>()};
    Tape tape;
    trace::stop_branch_records(Recorder{{{features, one_at(52)}}, tape});
    check_each_is_needed(unit, tape);
}

TEST_CASE("units that are missing or EL3's are left alone") {
    Tape tape;
    const Recorder none{{{features, 0}}, tape};
    trace::stop_profiling(none);
    trace::stop_tracing(none);
    trace::stop_branch_records(none);
    const Recorder kept{{{features, one_at(32) | one_at(44)},
                         {key_of<PMBIDR_EL1>(), PMBIDR_EL1::P.value},
                         {key_of<TRBIDR_EL1>(), TRBIDR_EL1::P.value}},
                        tape};
    trace::stop_profiling(kept);
    trace::stop_tracing(kept);
    CHECK(tape.empty());
}
