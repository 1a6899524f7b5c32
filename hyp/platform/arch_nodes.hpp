// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/platform/dtb/fdt.hpp"
#include "hyp/platform/dtb/fdt_walk.hpp"
#include "hyp/platform/dtb/fdt_writer.hpp"
#include "hyp/platform/guest/guest_dtb.hpp"
#include "hyp/platform/platform.hpp"
#include "hyp/result.hpp"
#include "hyp/types.hpp"

#include <optional>

/// What the description of the machine asks the architecture about nodes of its own.
namespace baton::arch {

// --- parse_platform: each fills its share of Platform::arch, too, and sets Platform::fault when it
// fails.

/// The first to be called.
/// Errors: bad_dtb, too_many, unsupported.
Result<> parse_interrupt_controller(const Fdt& fdt, Platform& platform);

/// Looks at every enabled node in turn. Is it wholly the architecture's, so that no VM gets its
/// registers?
/// Errors: as above.
Result<bool> parse_node(const FdtWalk& walk, Platform& platform);

/// Takes what no VM gets out of Platform::devices.
/// Errors: unsupported if something is missing; too_many.
Result<> finish_parsing(Platform& platform);

/// Can a CPU have this `reg`?
bool is_firmware_id(u64 reg);
/// By a cpu node's enable-method.
bool can_start(FdtNode cpu);

/// What the option is called that lets guests have counters of clusters which the machine has not
/// (`=model`).
std::string_view counter_model_option();

// --- divide --------------------------------------------------------------------------------------

/// Is it what every VM has of its own, and none can be given: the interrupt controller, what makes
/// interrupts out of messages, timer, firmware, the CPUs' own counters?
bool is_core_node(FdtNode node);

/// The interrupt that a specifier of the machine's interrupt controller names.
/// Nothing if it names none.
std::optional<InterruptId> named_interrupt(Bytes specifier);

/// Can any CPU take it, and so belongs it to one VM?
bool is_shared_interrupt(InterruptId interrupt);

// --- build_guest_dtb -----------------------------------------------------------------------------

/// Has the guest no such node, with all below it?
bool hides(const GuestRequest& request, FdtNode node);

/// Is it a controller of messages that the guest has not, so that nobody may refer to it?
bool hides_messages(const GuestRequest& request, FdtNode node);

/// Does a core node keep this property?
bool keeps(const GuestRequest& request, FdtNode node, std::string_view property);

/// What a core node has instead of what it does not keep.
void write_own_properties(const GuestRequest& request, FdtNode node, FdtWriter& writer,
                          GuestDtb& result);

/// Nodes that the firmware's DTB has not, below the root.
void write_own_nodes(const GuestRequest& request, FdtWriter& writer);

/// @param specifier of as many cells as the interrupt controller asks for, zeroed; empty after an
///        error of the writer
void write_interrupt(GuestInterrupt interrupt, std::span<std::byte> specifier);

} // namespace baton::arch
