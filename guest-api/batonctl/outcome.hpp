// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <expected>
#include <string>
#include <type_traits>
#include <utility>

namespace batonctl {

/// Exit statuses; `batonctl --help` lists them.
enum class Exit {
    done = 0,
    failed =
        1, ///< files, formats, memory; and what Baton refuses for other reasons than those below
    usage = 2,    ///< the command line makes no sense
    no_baton = 3, ///< no module, or no Baton below
    not_allowed = 4,
    nothing_staged = 5,
    busy = 6, ///< another load is in progress
    late = 7, ///< another VM did not do in time what it was told
};

/// What could not be done: a sentence or two that say what to do about it.
struct Failure {
    Exit exit;
    std::string sentence;
    /// What Baton refused with, enum baton_error; 0: it was not Baton.
    long long status = 0;
};

template <class T = void>
using Outcome = std::expected<T, Failure>;

inline std::unexpected<Failure> fail(Exit exit, std::string sentence) {
    return std::unexpected(Failure{.exit = exit, .sentence = std::move(sentence)});
}

/// What the next step makes of an outcome's value; a failure passes by it. (std::expected's own
/// and_then is not in Debian 12's libstdc++.)
template <class T, class Next>
auto then(Outcome<T> outcome, Next next) {
    if constexpr (std::is_void_v<T>) {
        using Result = std::invoke_result_t<Next>;
        return outcome ? next() : Result(std::unexpected(std::move(outcome.error())));
    } else {
        using Result = std::invoke_result_t<Next, T>;
        return outcome ? next(std::move(*outcome))
                       : Result(std::unexpected(std::move(outcome.error())));
    }
}

} // namespace batonctl
