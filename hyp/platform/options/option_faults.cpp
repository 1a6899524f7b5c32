// SPDX-License-Identifier: BSD-2-Clause
#include "hyp/platform/options/option_values.hpp"

#include <utility>

/// baton.fault, by which tests break a handover.
namespace baton {

namespace {

/// The number behind `kind`, if the value begins with that.
std::optional<CpuId> cpu_of(OptionValue value, std::string_view kind) {
    if (!value || !value->starts_with(kind)) {
        return std::nullopt;
    }
    const auto cpu = parse_decimal(value->substr(kind.size()));
    return cpu && *cpu < max_cpus ? std::optional{CpuId{static_cast<u32>(*cpu)}} : std::nullopt;
}

std::optional<FaultKind> parse_fault_kind(std::string_view text) {
    constexpr std::pair<std::string_view, FaultKind> kinds[]{{"lost", FaultKind::lost},
                                                             {"late", FaultKind::late},
                                                             {"overdue", FaultKind::overdue},
                                                             {"kick", FaultKind::kick}};
    for (const auto& [name, kind] : kinds) {
        if (name == text) {
            return kind;
        }
    }
    return std::nullopt;
}

/// KIND:CPU@STEP, and of a late CPU KIND:CPU@STEP+US
std::optional<StepFault> parse_step_fault(std::string_view text) {
    const usize plus = text.find('+');
    std::optional<u32> us;
    if (plus != text.npos) {
        const auto number = parse_decimal(text.substr(plus + 1));
        if (!number || *number > u64{most_deadline_ms} * 1000) {
            return std::nullopt;
        }
        us = static_cast<u32>(*number);
        text = text.substr(0, plus);
    }
    const usize colon = text.find(':');
    const usize at = text.find('@');
    if (colon == text.npos || at == text.npos || at < colon || at + 1 == text.size() ||
        text.size() - (at + 1) > StepName::longest) {
        return std::nullopt;
    }
    const auto kind = parse_fault_kind(text.substr(0, colon));
    const auto cpu = cpu_of(text.substr(0, at), text.substr(0, colon + 1));
    const std::string_view name = text.substr(colon + 1, at - colon - 1);
    if (!kind || (us && kind != FaultKind::late) || (!cpu && name != "boot" && name != "all")) {
        return std::nullopt;
    }
    return StepFault{.kind = *kind,
                     .of = cpu              ? StepFault::Of::one
                           : name == "boot" ? StepFault::Of::boot
                                            : StepFault::Of::all,
                     .cpu = cpu.value_or(CpuId{}),
                     .step = StepName{text.substr(at + 1)},
                     .us = us};
}

} // namespace

const char* set_fault_option(Options& options, OptionValue value) {
    if (const auto lost = cpu_of(value, "lost:")) {
        options.lost_cpu = lost;
    } else if (const auto panic = cpu_of(value, "panic:")) {
        options.panic_cpu = panic;
    } else if (const auto stay = cpu_of(value, "stay:")) {
        options.staying_cpu = stay;
    } else if (const auto refuse = cpu_of(value, "refuse:")) {
        options.refused_cpu = refuse;
    } else if (const auto fault = parse_step_fault(value.value_or(""))) {
        return options.step_faults.push(*fault) ? nullptr : "is one fault too many";
    } else {
        return "needs lost, panic, stay or refuse as KIND:CPU, or lost, late, overdue or kick as "
               "KIND:CPU@STEP, or late:CPU@STEP+MICROSECONDS";
    }
    return nullptr;
}

} // namespace baton
