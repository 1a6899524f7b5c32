// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "guest-api/linux/device_abi.h"
#include "outcome.hpp"

namespace batonctl {

/// What a refusal means and what to do about it.
/// A module that does not know a call counts as a Baton that does not: BATON_NOT_SUPPORTED.
/// @param error the errno that came with it, for what neither Baton nor the module has refused
Failure explain(const baton_answer& answer, int error);

} // namespace batonctl
