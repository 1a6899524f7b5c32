// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/types.hpp"

#include <array>

/// Exceptions taken at EL1. One that nobody expects is printed and ends the guest with a FAIL.
namespace baton::guest {

/// What vectors.S stores.
struct Frame {
    std::array<u64, 31> x;
    u64 sp;
    u64 elr, spsr;
    u64 esr, far;
};

/// The fault that `fault_of` caught, if any.
struct Fault {
    bool taken = false;
    u64 esr = 0, far = 0, elr = 0;

    u64 exception_class() const { return esr >> 26 & 0x3f; }
    /// DFSC or IFSC.
    u64 status() const { return esr & 0x3f; }
    bool is_write() const { return (esr & 1 << 6) != 0; }
};

/// ESR_EL1.EC and fault status codes (D19.2.37).
inline constexpr u64 ec_unknown = 0x00, ec_instruction_abort = 0x21, ec_data_abort = 0x25;
inline constexpr u64 synchronous_external_abort = 0x10;

/// At level 0; the other levels follow.
inline constexpr u64 external_abort_on_walk = 0x14;

/// Where `fault_of` goes on.
struct Recovery {
    Fault fault;
    u64 stack;
};

extern "C" void run_until_fault(void (*function)(const void*), const void* context, u64& stack);

void set_recovery(Recovery* recovery);

/// Runs `body()` up to its first synchronous exception or SError.
template <class Body>
Fault fault_of(const Body& body) {
    Recovery recovery{};
    set_recovery(&recovery);
    run_until_fault([](const void* context) { (*static_cast<const Body*>(context))(); }, &body,
                    recovery.stack);
    set_recovery(nullptr);
    return recovery.fault;
}

} // namespace baton::guest
