// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "gic_baton.hpp"

#include <doctest/doctest.h>
#include <ranges>

/// A handover on the model, as arch/arm64/steps/steps.cpp has it on the machine.
namespace model {

/// What a handover does to the GIC, piece by piece: the parts of arch/arm64/steps/steps.cpp.
enum class Part { list, interface, lpis, its, idle_lpis, sgis, spis, routes, one_of_n, own, none };

/// @param off a CPU that takes no part
inline void take_down(Baton& baton, u32 boot, Part left_out = Part::none, u32 off = ~0U) {
    const u32 cpus = baton.gic.cpu_count();
    const auto unless = [left_out](Part part, auto undo) {
        if (part != left_out) {
            undo();
        }
    };
    const auto takes_part = [off](u32 i) { return i != off; };
    for (const u32 i : std::views::iota(0U, cpus) | std::views::filter(takes_part)) {
        unless(Part::list, [&] { baton.vgic->discard_interrupts(baton.cpu(i)); });
        unless(Part::interface, [&] { baton.vgic->close_interface(baton.cpu(i)); });
        baton.take_exits(); // LPIs come until they are off
        unless(Part::lpis, [&] { CHECK(baton.vgic->disable_lpis(baton.cpu(i))); });
    }
    unless(Part::its, [&] { CHECK(baton.vgic->reset_its()); });
    unless(Part::idle_lpis, [&] { CHECK(baton.vgic->disable_lpis_of_others()); });
    unless(Part::sgis, [&] { baton.vgic->clear_sgis(); });
    unless(Part::spis, [&] { CHECK(baton.vgic->reset_spis()); });
    unless(Part::routes, [&] { baton.vgic->route_spis(baton.cpu(boot)); });
    for (const u32 i : std::views::iota(0U, cpus) | std::views::filter(takes_part)) {
        unless(Part::one_of_n, [&] { baton.vgic->refuse_1_of_n(baton.cpu(i)); });
        unless(Part::own, [&] { CHECK(baton.vgic->reset_own_interrupts(baton.cpu(i))); });
    }
}

/// The guest's CPU_OFF.
inline void turn_off(Baton& baton, u32 cpu) {
    baton.vgic->turn_off(baton.cpu(cpu));
    baton.vgic->refuse_1_of_n(baton.cpu(cpu));
    CHECK(baton.vgic->reset_own_interrupts(baton.cpu(cpu)));
}

} // namespace model
