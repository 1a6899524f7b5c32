// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "arch/arm64/gic/this_machine.hpp"
#include "arch/arm64/vgic/virtual_gic.hpp"

namespace baton::arm64 {

/// The GIC of this machine: gic.hpp and virtual_gic.hpp have the members.
using PhysicalGic = gic::Gic<gic::ThisMachine>;
/// The virtual one of a VM.
using Vgic = gic::VirtualGic<gic::ThisMachine>;
using VgicCpu = gic::VgicCpu<gic::ThisMachine>;
using VgicLpiTables = gic::Lpis<gic::ThisMachine>::Tables;

} // namespace baton::arm64

extern template class baton::arm64::gic::Gic<baton::arm64::gic::ThisMachine>;
extern template class baton::arm64::gic::VgicCore<baton::arm64::gic::ThisMachine>;
extern template class baton::arm64::gic::VgicSgis<baton::arm64::gic::ThisMachine>;
extern template class baton::arm64::gic::VgicLpis<baton::arm64::gic::ThisMachine>;
extern template class baton::arm64::gic::VgicFrames<baton::arm64::gic::ThisMachine>;
extern template class baton::arm64::gic::VirtualGic<baton::arm64::gic::ThisMachine>;
