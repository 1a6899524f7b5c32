// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/types.hpp"

/// A pattern in RAM that nothing of this VM uses: who else writes there is found out.
namespace baton::guest {

/// Fills up to the option `pattern=MIB`, 32 MiB by default. Returns pages.
u32 fill_pattern();

/// Looks at some pages, others each time, in turn. Returns how many words are wrong.
u32 look_at_pattern(u32 pages);

} // namespace baton::guest
