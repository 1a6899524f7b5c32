// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "arch/arm64/efi/loader.hpp"
#include "arch/arm64/efi/secure_boot.hpp"

#include <optional>
#include <span>
#include <string_view>

namespace baton::arm64::efi {

/// What is told to Baton in the DTB that it is entered with.
struct Told {
    std::string_view bootargs;                        ///< empty: what the firmware's DTB says stays
    std::optional<std::span<const std::byte>> initrd; ///< none: what the firmware's DTB says stays
    std::span<const std::byte> seed;                  ///< as above; kaslr-seed, then rng-seed
    SecureBoot secure_boot = SecureBoot::unknown;
};

/// The firmware's map of memory as it was when boot services ended.
struct MemoryMap {
    std::span<std::byte> bytes;
    u64 descriptor_size = 0;
    u32 descriptor_version = 0;
};

inline constexpr usize kaslr_seed_size = 8;
inline constexpr usize rng_seed_size = 64;

/// The firmware's DTB, or an empty one, with more in /chosen: Linux's
/// Documentation/arch/arm/uefi.rst.
class BootTree {
  public:
    /// In memory of its own, with room for all that follows; does not say where the map of memory
    /// is yet.
    static Attempt<BootTree> make(Loader& loader, const Told& told);

    /// Once boot services have ended: needs no firmware, and cannot fail.
    /// What a DTB with memory nodes takes for free RAM and the map does not, it reserves.
    void finish(const MemoryMap& map);

    std::span<const std::byte> bytes() const { return memory_; }

  private:
    explicit BootTree(std::span<std::byte> memory) : memory_{memory} {}
    bool describe(const Loader& loader, const Told& told);

    std::span<std::byte> memory_;
};

/// Reserves in `fdt` whatever the map neither gives to a loader, to boot services or to nobody, nor
/// calls device memory. False: there is no room for all of it.
bool reserve_firmware_memory(void* fdt, const MemoryMap& map);

} // namespace baton::arm64::efi
