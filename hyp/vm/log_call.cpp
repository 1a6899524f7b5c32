// SPDX-License-Identifier: BSD-2-Clause
#include "guest-api/baton.h"
#include "hyp/log/log.hpp"
#include "hyp/vm/guest_ram.hpp"
#include "hyp/vm/hypercall.hpp"

namespace baton {

CallResult log_call(Vm& vm, const GuestCall& call) {
    const u64 room = call.argument(2);
    if (room == 0 || room > BATON_MAX_CHUNK) {
        return {BATON_INVALID_PARAMETER, true};
    }
    const auto to = guest_ram(vm, call.address(1), room);
    if (!to) {
        return {abi_status(to.error()), true};
    }
    u64 position = call.argument(0);
    u64 written = 0;
    log::read(position, room, [&](std::string_view piece) {
        // The range was checked as a whole.
        (void)write_guest(vm, call.address(1) + written, std::as_bytes(std::span{piece}));
        written += piece.size();
    });
    return {BATON_OK, true, {written, position}};
}

} // namespace baton
