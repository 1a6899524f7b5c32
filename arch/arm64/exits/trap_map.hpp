// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/address.hpp"
#include "hyp/static_vector.hpp"

namespace baton::arm64 {

/// Where a VM's guest finds the devices that Baton emulates for it, and who answers. Filled at
/// boot, read only afterwards. Stage 2 maps none of it, so each access traps.
class TrapMap {
  public:
    /// Both act for the calling CPU's vCPU. `address` is in `range`; size is 1, 2, 4 or 8 bytes.
    /// False: there is nothing at the address.
    struct Device {
        GuestRange range;
        bool (*read)(GuestAddr address, u32 size, u64& value);
        bool (*write)(GuestAddr address, u32 size, u64 value);
    };

    /// False: no room. Of two devices that overlap the one that came first answers.
    [[nodiscard]] bool add(const Device& device) { return devices_.push(device); }

    /// Null if Baton emulates nothing there.
    const Device* find(GuestAddr address) const {
        for (const Device& device : devices_) {
            if (device.range.contains(address)) {
                return &device;
            }
        }
        return nullptr;
    }

  private:
    StaticVector<Device, 160> devices_; ///< a Distributor, 64 regions, 64 ITSs, a UART …
};

} // namespace baton::arm64
