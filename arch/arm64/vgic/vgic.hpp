// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "arch/arm64/gic/this_machine.hpp"
#include "arch/arm64/vgic/basic_vgic.hpp"

namespace baton::arm64 {

/// The GIC of this machine: gic.hpp and basic_vgic.hpp have the members.
using PhysicalGic = gic::Gic<gic::ThisMachine>;
/// The virtual one of a VM.
using Vgic = gic::BasicVgic<gic::ThisMachine>;
using VgicCpu = gic::BasicVgicCpu<gic::ThisMachine>;
using VgicLpiTables = gic::Lpis<gic::ThisMachine>::Tables;

} // namespace baton::arm64

extern template class baton::arm64::gic::Gic<baton::arm64::gic::ThisMachine>;
extern template class baton::arm64::gic::BasicVgic<baton::arm64::gic::ThisMachine>;
