// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/lifecycle/step.hpp"

namespace baton::arm64 {

/// What a core, the VM and the machine have to undo between two kernels, phase by phase.
std::span<const Step> guest_kexec_steps();

} // namespace baton::arm64
