// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/lifecycle/step.hpp"
#include "hyp/platform/options/options.hpp"

#include <array>
#include <utility>

/// Fault injection at the steps of a handover (baton.fault=KIND:CPU@STEP), for tests. Without such
/// an option the VM has the table without faults, and nothing of this runs.
namespace baton::arm64 {

/// The k-th fault is for the k-th handover. One whose step is not in the table is told and ignored.
void plan_faults(std::span<const StepFault> faults, std::span<const Step> steps);
bool faults_are_planned();

/// The fault that the plan has for this CPU in this handover at `row` of the table, if any. Does
/// not return if that loses the CPU.
void suffer_fault(Vcpu& vcpu, usize row);

namespace detail {

template <const auto& steps, usize row>
void faulty_step(Vcpu& vcpu) {
    suffer_fault(vcpu, row);
    steps[row].teardown(vcpu);
}

template <const auto& steps, usize... rows>
constexpr auto with_faults(std::index_sequence<rows...>) {
    return std::array{Step{steps[rows].name, steps[rows].stage, faulty_step<steps, rows>,
                           steps[rows].parallel_safe}...};
}

} // namespace detail

/// The same table, with room for a fault before each step.
template <const auto& steps>
inline constexpr auto with_faults =
    detail::with_faults<steps>(std::make_index_sequence<steps.size()>{});

} // namespace baton::arm64
