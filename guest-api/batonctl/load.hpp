// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "options.hpp"

namespace batonctl {

/// Stages what the options name; says on stdout what it was.
Outcome<> load(const Options& options);

} // namespace batonctl
