// SPDX-License-Identifier: BSD-2-Clause
//
// What the loader left in memory, for the reading of bundles.
#include "arch/arm64/boot/el2_map.hpp"
#include "arch/arm64/boot/image.hpp"
#include "arch/arm64/hypervisor.hpp"
#include "hyp/arch.hpp"

namespace baton {

namespace arm64 {

/// entry.S: where the image was loaded, in either life.
extern "C" u64 loaded_at;
constinit u64 loaded_at = 0;

} // namespace arm64

namespace arch {

PhysRange loaded_file() { return {{arm64::loaded_at}, arm64::image::size()}; }

std::span<const std::byte> own_header() { return {bytes({arm64::image::start()}), page_size}; }

std::span<const std::byte> loaded_bytes(PhysRange range) {
    // The second map has all RAM.
    const bool mapped =
        arm64::hypervisor().map.has_value() || arm64::map_early(range, arm64::HypMemory::constants);
    return mapped ? std::span<const std::byte>{bytes(range.begin), range.size}
                  : std::span<const std::byte>{};
}

} // namespace arch

} // namespace baton
