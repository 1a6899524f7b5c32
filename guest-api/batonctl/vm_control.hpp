// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "vm_calls.hpp"

#include <chrono>
#include <string>

/// What the host VM does to another VM, which is named by its name or its number. A text is what
/// there is to say when it is done; the VM has the timeout for it.
namespace batonctl {

/// Starts what is staged for the VM, be it running or off.
Outcome<std::string> exec_vm(VmCalls& calls, const std::string& name, std::chrono::seconds timeout);
Outcome<std::string> start_vm(VmCalls& calls, const std::string& name,
                              std::chrono::seconds timeout);
Outcome<std::string> stop_vm(VmCalls& calls, const std::string& name, std::chrono::seconds timeout);
/// Drops what is staged for the VM. Nothing staged is no error.
Outcome<> unload_vm(VmCalls& calls, const std::string& name);

} // namespace batonctl
