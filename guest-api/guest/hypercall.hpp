// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "guest-api/baton.h"
#include "guest-api/guest/platform.hpp"

#include <string_view>

/// Baton's calls, as guest-api/baton.h has them.
namespace baton::guest {

inline CallResult hypercall(u32 function, u64 a1 = 0, u64 a2 = 0, u64 a3 = 0, u64 a4 = 0,
                            u64 a5 = 0) {
    return call(platform().conduit, function, a1, a2, a3, a4, a5);
}

inline u64 address_of(const void* object) { return reinterpret_cast<u64>(object); }

/// A call that fills in a struct.
template <class Struct>
CallResult hypercall_into(u32 function, Struct& to) {
    return hypercall(function, address_of(&to), sizeof to);
}

inline baton_status status_now() {
    baton_status status{};
    (void)hypercall_into(BATON_STATUS, status);
    return status;
}

} // namespace baton::guest
