// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "guest-api/baton.h"

#include <span>
#include <string>

namespace batonctl {

/// The status in lines for a person.
std::string status_text(const baton_status& status);

/// The same as a JSON object; sizes are in bytes, times in ns. With the VMs that are known.
std::string status_json(const baton_status& status, std::span<const baton_vm_status> vms);

} // namespace batonctl
