// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "arch/arm64/left_out.hpp" // made by Meson
#include "hyp/lifecycle/step.hpp"
#include "hyp/lifecycle/vcpu.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

/// A step as a list of the single things that it undoes.
namespace baton::arm64 {

/// One of them: of a core's own registers, of a vCPU, or of a VM.
struct Part {
    consteval Part(const char* part_name, void (*undo)()) : name{part_name}, core{undo} {}
    consteval Part(const char* part_name, void (*undo)(Vcpu&)) : name{part_name}, vcpu{undo} {}
    consteval Part(const char* part_name, void (*undo)(Vm&)) : name{part_name}, vm{undo} {}

    void undo(Vcpu& self) const {
        if (core != nullptr) {
            core();
        } else if (vcpu != nullptr) {
            vcpu(self);
        } else {
            vm(*self.vm);
        }
    }

    const char* name;
    void (*core)() = nullptr;
    void (*vcpu)(Vcpu&) = nullptr;
    void (*vm)(Vm&) = nullptr;
};

template <usize count>
struct Parts {
    std::string_view step;
    std::array<Part, count> parts;

    template <class... Each>
    consteval explicit(false) Parts(const char* step_name, Each... each)
        : step{step_name}, parts{each...} {}
};
template <class... Each>
Parts(const char*, Each...) -> Parts<sizeof...(Each)>;

/// What a VM has once is undone in the gathering, what a core or a vCPU has is not.
template <usize count>
consteval bool acts_on_vm(const Parts<count>& step) {
    return std::ranges::all_of(step.parts, [](const Part& part) { return part.vm != nullptr; });
}
template <usize count>
consteval bool acts_on_core(const Parts<count>& step) {
    return std::ranges::all_of(step.parts, [](const Part& part) { return part.vm == nullptr; });
}

/// False for the one thing that a build for `tools/test mutate` leaves out: STEP or STEP.PART.
consteval bool is_kept(std::string_view step, std::string_view part) {
    constexpr std::string_view left_out = BATON_LEFT_OUT;
    if (!left_out.starts_with(step)) {
        return true;
    }
    const std::string_view rest = left_out.substr(step.size());
    return !rest.empty() && !(rest.starts_with('.') && rest.substr(1) == part);
}

/// Undoes the parts of a step in their order: what its row of the table refers to.
template <const auto& step>
void undo(Vcpu& self) {
    [&]<usize... n>(std::index_sequence<n...>) {
        const auto one = [&]<usize i>() {
            if constexpr (is_kept(step.step, step.parts[i].name)) {
                step.parts[i].undo(self);
            }
        };
        (one.template operator()<n>(), ...);
    }(std::make_index_sequence<step.parts.size()>{});
}

} // namespace baton::arm64
