// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "options.hpp"

namespace batonctl {

/// Whether the options belong to the action and to each other.
/// @param append_given even if it is empty
Outcome<> check(const Options& options, bool append_given);

/// A command line that makes no sense.
std::unexpected<Failure> misuse(std::string sentence);

inline bool is_power(Action action) { return action == Action::start || action == Action::stop; }

} // namespace batonctl
