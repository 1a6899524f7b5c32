// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/platform/options/options.hpp"

#include <string_view>

/// The end of everything: an exception at EL2, or a state that Baton cannot go on from.
namespace baton::arm64 {

/// What a panic does when it has told all there is to tell. Set once at boot.
void set_panic_action(PanicAction action);

/// Says why, prints registers and a backtrace, stops all other CPUs, and ends the machine as
/// `baton.panic` says. The first CPU to panic speaks; any later one stops in silence.
[[noreturn]] void panic(std::string_view why);

/// The last of it: prints what is left of the log and does what `baton.panic` says.
[[noreturn]] void end_machine();

/// True once a CPU has panicked: whoever is kicked stops here and now.
bool panicking();

/// Stops this CPU for good, as part of another CPU's panic.
[[noreturn]] void stop_for_panic();

} // namespace baton::arm64
