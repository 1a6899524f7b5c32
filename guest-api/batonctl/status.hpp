// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "guest-api/baton.h"

#include <string>

namespace batonctl {

/// The status in lines for a person.
std::string status_text(const baton_status& status);

} // namespace batonctl
