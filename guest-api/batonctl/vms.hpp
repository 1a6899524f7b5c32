// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "vm_calls.hpp"

#include <span>
#include <string>
#include <vector>

namespace batonctl {

/// By number: in the host VM all VMs, in another itself alone. None: Baton, or the module, is older
/// than revision 1.1 and knows nothing of VMs.
Outcome<std::vector<baton_vm_status>> list_vms(VmCalls& calls);

/// The VM that a user of the host VM names by its name or its number, which is not the host VM.
Outcome<baton_vm_status> find_vm(VmCalls& calls, const std::string& name);

std::string vm_name(const baton_vm_status& vm);

/// A table for a person, with more than one VM; in a VM that is not the host VM which one it is.
std::string vms_text(std::span<const baton_vm_status> vms);

} // namespace batonctl
