// SPDX-License-Identifier: BSD-2-Clause
#pragma once

namespace baton::arm64 {

/// The machine's GIC comes up, and each VM gets its virtual one: its share of the SPIs, those that
/// Baton makes for it included. What cannot be ends the boot.
void start_gics();

} // namespace baton::arm64
