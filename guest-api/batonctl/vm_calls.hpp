// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "guest-api/baton.h"
#include "outcome.hpp"

namespace batonctl {

/// What Baton does for and with other VMs. All but `vm_status` is the host VM's alone.
class VmCalls {
  public:
    virtual Outcome<baton_vm_status> vm_status(unsigned number) = 0;
    /// Another VM's staged image. Returns when that VM has been told.
    virtual Outcome<> exec(baton_u64 id) = 0;
    virtual Outcome<> drop(baton_u64 id) = 0;
    /// Returns when the VM has been told.
    virtual Outcome<> power(unsigned number, baton_vm_operation operation) = 0;

  protected:
    ~VmCalls() = default;
};

} // namespace batonctl
