// SPDX-License-Identifier: BSD-2-Clause
#pragma once

namespace baton::arm64::gic {

/// What the virtual CPU interface is to tell Baton of, besides nothing (ICH_HCR_EL2).
struct Maintenance {
    bool no_pending = false;      ///< no list register is pending
    bool underflow = false;       ///< none or one is in use
    bool ended_elsewhere = false; ///< the guest ended an interrupt that no list register holds
    bool trap_dir = false;        ///< by a trap: the guest writes ICC_DIR_EL1

    bool operator==(const Maintenance&) const = default;
};

} // namespace baton::arm64::gic
