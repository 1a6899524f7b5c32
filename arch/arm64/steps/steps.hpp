// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/lifecycle/step.hpp"

namespace baton::arm64 {

/// What a core, the VM and the machine have to undo between two kernels, phase by phase.
std::span<const Step> guest_kexec_steps();
/// The same, with the faults that were planned.
std::span<const Step> guest_kexec_steps_with_faults();

/// The steps that undo what a guest can leave in a core itself, for one that comes up: its
/// registers are UNKNOWN.
void clean_core(Vcpu& vcpu);

} // namespace baton::arm64
