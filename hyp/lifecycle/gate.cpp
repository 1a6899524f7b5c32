// SPDX-License-Identifier: BSD-2-Clause
#include "hyp/lifecycle/gate.hpp"

namespace baton {

/// Lets `decide` look at the gate and change its copy; the change takes place if nobody else was
/// quicker. Acquire-release: what a CPU did before it passed is seen by all who pass after it.
template <class Decide>
Gate::Passage Gate::pass(Decide decide) {
    Value seen = value_.load(std::memory_order_relaxed); // the exchange below orders
    for (;;) {
        Value wanted = seen;
        const Passage passage = decide(wanted);
        if (passage != Passage::granted ||
            value_.compare_exchange_weak(seen, wanted, std::memory_order_acq_rel,
                                         std::memory_order_relaxed)) {
            return passage;
        }
    }
}

Gate::Passage Gate::add(u64 epoch) {
    return pass([=](Value& gate) {
        if (gate.handover || gate.epoch != epoch) {
            return Passage::closed;
        }
        gate.count++;
        return Passage::granted;
    });
}

Gate::Passage Gate::remove(u64 epoch) {
    return pass([=](Value& gate) {
        if (gate.handover || gate.epoch != epoch) {
            return Passage::closed;
        }
        if (gate.count == 1) {
            return Passage::last;
        }
        gate.count--;
        return Passage::granted;
    });
}

Gate::Passage Gate::close(u64 epoch) {
    return pass([=](Value& gate) {
        if (gate.handover || gate.epoch != epoch) {
            return Passage::closed;
        }
        gate.handover = true;
        gate.epoch++;
        return Passage::granted;
    });
}

Gate::Passage Gate::start(u64 epoch) {
    return pass([=](Value& gate) {
        if (!is_off(gate) || gate.epoch != epoch) {
            return Passage::closed;
        }
        gate = {.epoch = epoch + 1, .handover = true, .count = 1};
        return Passage::granted;
    });
}

bool Gate::shut() {
    // A handover that nobody leads.
    return pass([](Value& gate) {
               if (!is_off(gate)) {
                   return Passage::closed;
               }
               gate.handover = true;
               gate.epoch++;
               return Passage::granted;
           }) == Passage::granted;
}

bool Gate::arrive(u64 handover) {
    bool last = false;
    pass([&](Value& gate) {
        last = false;
        if (!gate.handover || gate.epoch != handover) {
            return Passage::closed;
        }
        gate.count--;
        last = gate.count == 1;
        return Passage::granted;
    });
    return last;
}

void Gate::open(u64 handover, u16 count) {
    // Release: whoever passes next sees the whole handover. A late AP may try to arrive at this
    // moment; its exchange fails, and it finds the gate open.
    value_.store({.epoch = handover, .handover = false, .count = count}, std::memory_order_release);
}

} // namespace baton
