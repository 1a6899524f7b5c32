// SPDX-License-Identifier: BSD-2-Clause
#pragma once

/// Marks along a handover, for an emulator that counts instructions and follows who waits for whom
/// (tools/bench critical-path). Declared here, implemented under arch/, where each is an
/// instruction without effect.
namespace baton::marks {

/// The boot CPU is through with a phase; this CPU is through with a step.
void phase();
void step();

/// This CPU begins to wait. What it does from here on is not work, up to the `taken` that ends the
/// wait; but for the way from its last wake-up to there, which it has to go after the sender.
void wait();

/// Before a command to APs is visible, and when an AP has seen its command.
void command_sent();
void command_taken();

/// Before an AP says that it is through, and when the boot CPU has seen all that it waits for.
void arrival_sent();
void arrival_taken();

} // namespace baton::marks
