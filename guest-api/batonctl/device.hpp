// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "descriptor.hpp"
#include "guest-api/linux/device_abi.h"
#include "outcome.hpp"
#include "vm_calls.hpp"

#include <cstddef>
#include <span>
#include <string>

namespace batonctl {

/// /dev/baton, open. A load belongs to it: what is not sealed is dropped when it is closed.
class Device final : public VmCalls {
  public:
    static Outcome<Device> open();

    Outcome<> begin(const baton_load& load);
    Outcome<> copy(unsigned piece, baton_u64 offset, std::span<const std::byte> data);
    Outcome<> seal(std::span<const std::byte, 32> digest);
    Outcome<> drop();
    /// Does not return when it succeeds.
    Outcome<> exec();

    Outcome<baton_vm_status> vm_status(unsigned number) override;
    Outcome<> exec(baton_u64 id) override;
    Outcome<> drop(baton_u64 id) override;
    Outcome<> power(unsigned number, baton_vm_operation operation) override;

    Outcome<baton_status> status();
    Outcome<baton_trace> trace();
    Outcome<baton_trace_cpu> trace_cpu(unsigned number);
    /// The messages from a position on, as many as fit into one call; moves the position behind
    /// them. Empty: there are no more.
    Outcome<std::string> log(baton_u64& position);

  private:
    explicit Device(Descriptor file) : file_(std::move(file)) {}

    template <class Request>
    Outcome<> call(unsigned long command, Request& request);
    template <class Struct>
    Outcome<Struct> read(unsigned long command, unsigned argument = 0);

    Descriptor file_;
};

} // namespace batonctl
