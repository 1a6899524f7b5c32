// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "arch/arm64/left_out.hpp" // made by Meson
#include "hyp/lifecycle/step.hpp"

#include <array>
#include <string_view>
#include <utility>

/// A step as a list of the single things that it undoes.
namespace baton::arm64 {

struct Part {
    const char* name;
    void (*undo)();
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
void undo(Vcpu&) {
    [&]<usize... n>(std::index_sequence<n...>) {
        const auto one = [&]<usize i>() {
            if constexpr (is_kept(step.step, step.parts[i].name)) {
                step.parts[i].undo();
            }
        };
        (one.template operator()<n>(), ...);
    }(std::make_index_sequence<step.parts.size()>{});
}

} // namespace baton::arm64
