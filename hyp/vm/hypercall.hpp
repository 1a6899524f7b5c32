// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/result.hpp"
#include "hyp/vm/call.hpp"

/// Baton's own calls. guest-api/baton.h says what each takes, does and returns.
namespace baton {

/// NOT_SUPPORTED for a function that is none of them.
CallResult hypercall(Vm& vm, const GuestCall& call);

/// A refusal as the caller sees it: one of baton_error.
CallStatus abi_status(Error error);

// Those that stage an image and start it.
CallResult load_begin_call(Vm& caller, const GuestCall& call);
CallResult load_copy_call(Vm& caller, const GuestCall& call);
CallResult load_seal_call(Vm& caller, const GuestCall& call);
CallResult load_drop_call(Vm& caller, const GuestCall& call);
CallResult exec_call(Vm& caller, const GuestCall& call);

// Those that only answer.
CallResult status_call(Vm& vm, const GuestCall& call);
CallResult trace_call(Vm& vm, const GuestCall& call);
CallResult trace_cpu_call(Vm& vm, const GuestCall& call);
CallResult log_call(Vm& vm, const GuestCall& call);
CallResult vm_status_call(Vm& caller, const GuestCall& call);

// Those about other VMs.
CallResult vm_power_call(Vm& caller, const GuestCall& call);
CallResult doorbell_call(Vm& caller, const GuestCall& call);

} // namespace baton
