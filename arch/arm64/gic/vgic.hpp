// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "arch/arm64/gic/basic_vgic.hpp"
#include "arch/arm64/gic/machine.hpp"

namespace baton::arm64 {

/// The GIC of this machine: basic_vgic.hpp has the members.
using Vgic = gic::BasicVgic<gic::Machine>;
using VgicCpu = gic::BasicVgicCpu<gic::Machine>;
using VgicLpiTables = gic::Lpis<gic::Machine>::Tables;

} // namespace baton::arm64

extern template class baton::arm64::gic::BasicVgic<baton::arm64::gic::Machine>;
