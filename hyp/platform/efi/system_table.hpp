// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/bytes.hpp"
#include "hyp/platform/efi/guid.hpp"
#include "hyp/types.hpp"

#include <array>

/// What UEFI firmware leaves of itself in memory: UEFI Specification 2.10, 4.2 to 4.6, as it lies
/// there on a 64-bit machine. Nothing in it can be trusted. Pointers are physical addresses: Baton
/// never calls SetVirtualAddressMap.
namespace baton::efi {

/// EFI_TABLE_HEADER.
struct TableHeader {
    u64 signature;
    u32 revision; ///< major << 16 | minor * 10
    u32 header_size;
    u32 crc32; ///< of header_size bytes, with this field 0
    u32 reserved;
};
static_assert(sizeof(TableHeader) == 24);

inline constexpr u64 system_table_signature = 0x5453'5953'2049'4249;     // "IBI SYST"
inline constexpr u64 runtime_services_signature = 0x5652'4553'544e'5552; // "RUNTSERV"

/// EFI_SYSTEM_TABLE.
struct SystemTable {
    TableHeader header;
    u64 firmware_vendor; ///< CHAR16, NUL-terminated
    u32 firmware_revision;
    u32 padding;
    // All of boot services, and so of no use when these have ended.
    u64 console_in_handle;
    u64 console_in;
    u64 console_out_handle;
    u64 console_out;
    u64 standard_error_handle;
    u64 standard_error;
    u64 runtime_services;
    u64 boot_services;
    u64 configuration_entries; ///< number of
    u64 configuration_table;
};
static_assert(sizeof(SystemTable) == 120);

/// EFI_CONFIGURATION_TABLE, an entry of the array that the system table names.
struct ConfigurationEntry {
    Guid vendor;
    u64 table;
};
static_assert(sizeof(ConfigurationEntry) == 24);

/// More than that is no firmware's.
inline constexpr u64 max_configuration_entries = 256;

/// Is it one, by signature and header size? Its CRC is not looked at, nor does Linux: stubs and
/// hypervisors change fields and let it be.
bool is_system_table(const SystemTable& table);

/// The configuration table's bytes.
class ConfigurationTable {
  public:
    ConfigurationTable() = default;
    explicit ConfigurationTable(Bytes bytes) : bytes_{bytes} {}

    usize size() const { return bytes_.size() / sizeof(ConfigurationEntry); }
    /// @param at below size()
    ConfigurationEntry operator[](usize at) const {
        return *read_at<ConfigurationEntry>(bytes_, at * sizeof(ConfigurationEntry));
    }
    Bytes bytes() const { return bytes_; }
    /// The address that stands with the first such entry. Nothing if there is none, or it is 0.
    std::optional<u64> find(const Guid& vendor) const;

  private:
    Bytes bytes_{};
};

// --- what some entries lead to -------------------------------------------------------------------

/// guid::rng_seed: this, then `size` bytes of seed.
struct RngSeed {
    u32 size;
};

/// guid::memreserve: a list of blocks, each this and `capacity` MemreserveEntry, of which `count`
/// are used. Linux keeps in it what must be left alone by the kernels after it.
struct MemreserveBlock {
    u32 capacity;
    u32 count;
    u64 next; ///< physical; 0: none
};
static_assert(sizeof(MemreserveBlock) == 16);
struct MemreserveEntry {
    u64 base;
    u64 size;
};

/// guid::memory_attributes, 4.6.4: this, then the descriptors.
struct MemoryAttributesTable {
    u32 version;
    u32 entries;
    u32 descriptor_size;
    u32 flags;
};

/// guid::tpm_event_log, as Linux's stub leaves it: this, then `size` bytes.
struct [[gnu::packed]] TpmEventLog {
    u32 size;
    u32 final_events_preboot_size;
    u8 version;
};
static_assert(sizeof(TpmEventLog) == 9);

/// guid::esrt, 23.4: this, then `count` entries of 40 bytes.
struct EsrtHeader {
    u32 count;
    u32 capacity;
    u64 version;
};
inline constexpr u64 esrt_entry_size = 40;

/// guid::mok_variables: any number of these, each with `size` bytes behind it, without padding. The
/// last has neither name nor bytes. shim keeps the keys of the machine's owner in it.
struct [[gnu::packed]] MokVariable {
    std::array<char, 256> name; ///< NUL-terminated
    u64 size;
};
static_assert(sizeof(MokVariable) == 264);

} // namespace baton::efi
