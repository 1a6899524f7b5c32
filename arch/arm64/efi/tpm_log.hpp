// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "arch/arm64/efi/loader.hpp"

#include <optional>
#include <span>

namespace baton::arm64::efi {

/// The log of what was measured into the TPM ends with boot services. For the kernels that come
/// after it is copied into ACPI reclaim memory, with an entry of the configuration table that names
/// it, as Linux's EFI stub does (drivers/firmware/efi/libstub/tpm.c). Without a TPM there is
/// nothing to do.
void keep_tpm_log(Loader& loader);

/// What of a log is needed to tell how long an event is: its first event, which names the digests'
/// sizes (TCG PC Client Platform Firmware Profile, 10.4.5.1).
class TpmLogFormat {
  public:
    /// @param log from its first event on; of 64 KiB at most that event is looked at
    /// Nothing: the first event is no such one.
    static std::optional<TpmLogFormat> open(std::span<const std::byte> log);

    /// Bytes of the first event.
    u64 first_event_size() const { return first_event_size_; }
    /// Bytes of an event that is not the first. Nothing: it has a digest of an unknown kind.
    /// @param event of unknown length; what is read is where the event says
    std::optional<u64> event_size(const std::byte* event) const;

  private:
    struct Digest {
        u16 algorithm;
        u16 size;
    };
    u64 first_event_size_ = 0;
    StaticVector<Digest, 16> digests_{};
};

} // namespace baton::arm64::efi
