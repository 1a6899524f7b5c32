// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/types.hpp"

#include <span>

namespace baton {

struct Vcpu;

/// The three phases of a handover, in order.
enum class Stage : u8 {
    drain,     ///< every CPU for itself: out of the guest
    gather,    ///< the boot CPU alone: what the VM has once
    take_down, ///< every CPU for itself: down to idle_dead
};

/// One named thing to undo on the way down. A step of `drain` or `take_down` acts on its own core
/// alone. It also has to do no harm on a CPU that was started but never reached the guest.
struct Step {
    const char* name;
    Stage stage;
    /// In `gather` the boot CPU's vCPU, for its VM; else that of the CPU that runs it.
    void (*teardown)(Vcpu&);
    /// False for a step that may not run on two CPUs at once. One such row makes the walk serial.
    bool parallel_safe;
};

/// The most rows of a table: a trace has room for that many.
inline constexpr usize max_steps = 32;

/// A table is read downward, so its rows stand in the order of the stages. For a static_assert.
constexpr bool well_formed(std::span<const Step> steps) {
    for (usize row = 1; row < steps.size(); row++) {
        if (steps[row - 1].stage > steps[row].stage) {
            return false;
        }
    }
    return steps.size() <= max_steps;
}

/// The first row that forbids the parallel walk, or null.
constexpr const Step* first_unsafe(std::span<const Step> steps) {
    for (const Step& step : steps) {
        if (!step.parallel_safe) {
            return &step;
        }
    }
    return nullptr;
}

} // namespace baton
