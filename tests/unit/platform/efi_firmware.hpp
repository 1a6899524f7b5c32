// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "arch/arm64/efi/boot_tree.hpp"
#include "arch/arm64/efi/uefi.hpp"

#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <string>
#include <vector>

/// UEFI firmware for the stub's tests. The one that exists at a time is found by its functions,
/// which get no pointer to it.
namespace baton::test {

namespace efi = baton::arm64::efi;

struct PciFunction {
    efi::PciIo io{};
    u16 command = 0x6;            ///< memory and Bus Master
    u32 class_code = 0x0108'0200; // NVMe
    bool connected = true;
};

class Firmware {
  public:
    Firmware();
    ~Firmware();
    Firmware(const Firmware&) = delete;
    Firmware& operator=(const Firmware&) = delete;

    // --- how it is
    bool el2 = true;
    std::u16string options;
    bool in_shell = false;
    std::vector<std::u16string> arguments;
    std::string offered_initrd; ///< by LoadFile2
    std::map<std::u16string, std::string> files;
    std::map<std::u16string, u8> variables;
    std::vector<efi::MemoryDescriptor> map;
    std::vector<std::byte> dtb;
    bool has_rng = true;
    std::vector<std::byte> tpm_log; ///< empty: no TPM
    usize last_event = 0;           ///< its offset there
    u32 tpm_format = 2;
    std::vector<std::byte> final_events;
    u32 stale_keys = 0; ///< so many times the map has changed when boot services are to end
    std::vector<PciFunction> functions;
    usize pages_left = 100'000;

    // --- what became of it
    std::string said;
    bool ended = false;                 ///< boot services
    std::vector<std::byte> handed_over; ///< the DTB
    usize pages_taken = 0;
    const std::byte* kept_log = nullptr; ///< the table that the stub has installed

    /// Runs the stub. What it returned; nothing if it entered Baton.
    std::optional<efi::Status> start();

    efi::SystemTable system{};
    static Firmware& here();

  private:
    friend struct Services;
    efi::BootServices boot_{};
    efi::RuntimeServices runtime_{};
    efi::TextOutput out_{};
    efi::LoadedImage image_{};
    efi::ShellParameters shell_{};
    std::vector<char16_t*> shell_arguments_;
    efi::LoadFile2 load_file_{};
    efi::FileSystem volume_{};
    efi::Rng rng_{};
    efi::Tcg2 tpm_{};
    std::vector<efi::ConfigurationEntry> tables_;
    std::map<u64, usize> allocated_;
    usize key_ = 1;
};

} // namespace baton::test
