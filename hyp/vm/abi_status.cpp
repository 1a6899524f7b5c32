// SPDX-License-Identifier: BSD-2-Clause
#include "guest-api/baton.h"
#include "hyp/vm/hypercall.hpp"

namespace baton {

CallStatus abi_status(Error error) {
    switch (error) {
    case Error::invalid:
        return BATON_INVALID_PARAMETER;
    case Error::not_allowed:
        return BATON_NOT_ALLOWED;
    case Error::busy:
        return BATON_BUSY;
    case Error::bad_address:
        return BATON_BAD_ADDRESS;
    case Error::stale:
        return BATON_STALE;
    case Error::out_of_order:
        return BATON_OUT_OF_ORDER;
    case Error::overlap:
        return BATON_OVERLAP;
    case Error::bad_image_magic:
        return BATON_BAD_MAGIC;
    case Error::bad_image_header:
        return BATON_BAD_HEADER;
    case Error::image_too_big:
        return BATON_TOO_BIG;
    case Error::bad_command_line:
        return BATON_BAD_COMMAND_LINE;
    case Error::incomplete:
        return BATON_INCOMPLETE;
    case Error::bad_digest:
        return BATON_BAD_DIGEST;
    case Error::nothing_staged:
        return BATON_NOT_SEALED;
    case Error::trusted_os:
        return BATON_TRUSTED_OS;
    case Error::too_many:
    case Error::no_room:
        return BATON_NO_MEMORY; // what staging lacks
    case Error::timed_out:
        return BATON_BUSY; // who was waited for is at it still
    case Error::bad_dtb:
    case Error::bad_range:
    case Error::bad_option:
    case Error::unsupported:
    case Error::firmware:
        break; // of the boot: no call meets them
    }
    return BATON_INVALID_PARAMETER;
}

} // namespace baton
