// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "guest-api/guest/smp.hpp"
#include "guest-api/guest/successor.hpp"

#include <algorithm>

/// Every call of guest-api/baton.h x every error that it can return.
namespace baton::guest {

/// Makes a call; what it returns is entered into the table.
CallResult make_call(u32 function, u64 a1 = 0, u64 a2 = 0, u64 a3 = 0, u64 a4 = 0, u64 a5 = 0);

/// Makes a call that must be refused with `status`. `why` begins the check's name.
void refuse(std::string_view why, i64 status, u32 function, u64 a1 = 0, u64 a2 = 0, u64 a3 = 0,
            u64 a4 = 0, u64 a5 = 0);

/// How often a call has returned an error so far.
u32 times_seen(u32 function, baton_error error);
void print_table();

/// A kernel that is never entered: a header and noise.
inline constexpr usize kernel_size = 3 * BATON_MAX_CHUNK + 100;
inline constexpr usize initrd_size = BATON_MAX_CHUNK + 1;
inline constexpr std::string_view command_line = "a command line";
extern std::byte kernel[kernel_size];
extern std::byte initrd[initrd_size];
void make_kernel();
inline Successor successor() { return {kernel, initrd, command_line}; }

/// Begins a good load; its id.
u64 begun();
/// Ends whatever there is.
void drop_all();

/// Addresses of which no part is the guest's own RAM, or not all of `size` bytes.
template <class Body>
void at_bad_addresses(u64 size, const Body& body) {
    const baton_status status = status_now();
    u64 end = 0;
    for (const PhysRange& range : platform().memory) {
        end = std::max(end, range.end().value);
    }
    body("0", 0);
    body("a device", Node::console()->reg()->begin.value);
    body("the spare slot", status.spare_slot);
    body("the spare slot's last bytes", status.spare_slot + status.slot_size - size);
    body("the GIC", Node::compatible_with("arm,gic-v3")->reg()->begin.value);
    body("beyond all RAM", u64{1} << 50);
    body("the end of the address space", ~u64{0} - 7);
    if (size > 1) {
        body("the last byte of RAM and on", end - 1);
        body("the byte before the spare slot and on", status.spare_slot - 1);
    }
}

// calls_load.cpp
void refuse_begin();
void refuse_copy();
void refuse_seal();
/// An image is staged when this begins, and none when it ends.
void refuse_exec_and_drop();

// calls_at_once.cpp
void collide();
void change_meanwhile();

} // namespace baton::guest
