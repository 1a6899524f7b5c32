// SPDX-License-Identifier: BSD-2-Clause
#include "guest-api/guest/exception.hpp"

#include "guest-api/guest/check.hpp"
#include "guest-api/guest/cpu.hpp"
#include "guest-api/guest/gic.hpp"
#include "guest-api/guest/layout.hpp"
#include "guest-api/guest/platform.hpp"

namespace baton::guest {

static_assert(sizeof(Frame) == FRAME_SIZE && offsetof(Frame, sp) == FRAME_SP &&
              offsetof(Frame, elr) == FRAME_ELR && offsetof(Frame, esr) == FRAME_ESR);

namespace {

enum class Kind : u64 { synchronous, irq, fiq, serror };

[[noreturn]] void die(const Frame& frame, Kind kind) {
    constexpr std::array<std::string_view, 4> names{"synchronous exception", "IRQ", "FIQ",
                                                    "SError"};
    print("FAIL: unexpected {} on CPU {}: ESR {x} FAR {x} ELR {x} (image + {x}) SPSR {x} SP {x}\n",
          names[static_cast<u64>(kind)], this_cpu().index, frame.esr, frame.far, frame.elr,
          frame.elr - platform().image.begin.value, frame.spsr, frame.sp);
    for (usize i = 0; i < 31; i++) {
        print("  x{} {p}\n", i, frame.x[i]);
    }
    report(false, "no unexpected exception", "");
    end();
}

} // namespace

void set_recovery(Recovery* recovery) { this_cpu().recovery = recovery; }

extern "C" char leave_fault[];

extern "C" void handle_exception(Frame& frame, Kind kind) {
    switch (kind) {
    case Kind::irq:
        return gic::handle_irq();
    case Kind::fiq:
        return gic::handle_fiq();
    case Kind::synchronous:
    case Kind::serror:
        break;
    }
    Recovery* recovery = this_cpu().recovery;
    if (recovery == nullptr) {
        die(frame, kind);
    }
    recovery->fault = {true, frame.esr, frame.far, frame.elr};
    frame.elr = reinterpret_cast<u64>(leave_fault);
    frame.x[0] = recovery->stack;
}

} // namespace baton::guest
