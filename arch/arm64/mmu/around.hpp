// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/address.hpp"
#include "hyp/memory/range_set.hpp"

/// How to add to a map that a CPU runs on.
namespace baton::arm64 {

/// What of a range lies outside Baton's own image, below it and above it. If nothing else is ever
/// mapped, no leaf reaches from the image into what is not Baton's. So none that Baton runs on has
/// to be split, which would take code, stack and tables away until the new entry is there.
/// @param range whole pages, as is `own`
constexpr RangeSet<2> outside(PhysRange range, PhysRange own) {
    RangeSet<2> parts;
    (void)parts.add(range); // there is room for a range, and for the two that are left of it
    (void)parts.subtract(own);
    return parts;
}

} // namespace baton::arm64
