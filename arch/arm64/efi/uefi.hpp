// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/types.hpp"

#include <array>
#include <cstddef>

/// What the stub calls of UEFI firmware: UEFI Specification 2.10, on a 64-bit machine, where a
/// firmware function has C's calling convention. What it does not call is only as large as it is.
namespace baton::arm64::efi {

using Status = u64;
using Handle = void*;

/// Appendix D.
inline constexpr u64 error_bit = u64{1} << 63;
inline constexpr Status success = 0;
inline constexpr Status load_error = error_bit | 1;
inline constexpr Status invalid_parameter = error_bit | 2;
inline constexpr Status unsupported = error_bit | 3;
inline constexpr Status buffer_too_small = error_bit | 5;
inline constexpr Status out_of_resources = error_bit | 9;
inline constexpr Status not_found = error_bit | 14;

constexpr bool failed(Status status) { return (status & error_bit) != 0; }

struct Guid {
    u32 a;
    u16 b, c;
    std::array<u8, 8> d;
    constexpr bool operator==(const Guid&) const = default;
};

// clang-format off
inline constexpr Guid loaded_image_guid    {0x5b1b31a1, 0x9562, 0x11d2, {0x8e, 0x3f, 0x00, 0xa0, 0xc9, 0x69, 0x72, 0x3b}};
inline constexpr Guid load_file2_guid      {0x4006c0c1, 0xfcb3, 0x403e, {0x99, 0x6d, 0x4a, 0x6c, 0x87, 0x24, 0xe0, 0x6d}};
inline constexpr Guid file_system_guid     {0x964e5b22, 0x6459, 0x11d2, {0x8e, 0x39, 0x00, 0xa0, 0xc9, 0x69, 0x72, 0x3b}};
inline constexpr Guid pci_io_guid          {0x4cf5b200, 0x68b8, 0x4ca5, {0x9e, 0xec, 0xb2, 0x3e, 0x3f, 0x50, 0x02, 0x9a}};
inline constexpr Guid rng_guid             {0x3152bca5, 0xeade, 0x433d, {0x86, 0x2e, 0xc0, 0x1c, 0xdc, 0x29, 0x1f, 0x44}};
inline constexpr Guid shell_parameters_guid{0x752f3136, 0x4e16, 0x4fdc, {0xa2, 0x2a, 0xe5, 0xf4, 0x68, 0x12, 0xf4, 0xca}};
inline constexpr Guid global_variable_guid {0x8be4df61, 0x93ca, 0x11d2, {0xaa, 0x0d, 0x00, 0xe0, 0x98, 0x03, 0x2b, 0x8c}};
inline constexpr Guid shim_lock_guid       {0x605dab50, 0xe046, 0x4300, {0xab, 0xb6, 0x3d, 0xd8, 0x10, 0xdd, 0x8b, 0x23}};
inline constexpr Guid dtb_table_guid       {0xb1b621d5, 0xf19c, 0x41a5, {0x83, 0x0b, 0xd9, 0x15, 0x2c, 0x69, 0xaa, 0xe0}};
inline constexpr Guid tcg2_guid            {0x607f766c, 0x7455, 0x42be, {0x93, 0x0b, 0xe4, 0xd7, 0x6d, 0xb2, 0x72, 0x0f}};
inline constexpr Guid tpm_final_log_guid   {0x1e2ed096, 0x30e2, 0x4254, {0xbd, 0x89, 0x86, 0x3b, 0xbe, 0xf8, 0x23, 0x25}};
/// Linux's, for its next kernels.
inline constexpr Guid tpm_event_log_guid   {0xb7799cb0, 0xeca2, 0x4943, {0x96, 0x67, 0x1f, 0xae, 0x07, 0xb7, 0x47, 0xfa}};
/// Linux's: whoever offers an initrd has a LoadFile2 protocol on this vendor media device path.
inline constexpr Guid initrd_media_guid    {0x5568e427, 0x68fc, 0x4f3d, {0xac, 0x74, 0xca, 0x55, 0x52, 0x31, 0xcc, 0x68}};
// clang-format on

/// 4.2
struct TableHeader {
    u64 signature;
    u32 revision, header_size, crc32, reserved;
};

/// 12.4
struct TextOutput {
    void* reset;
    Status (*output_string)(TextOutput*, const char16_t*);
};

/// 7.2
namespace memory_type {
inline constexpr u32 reserved = 0;
inline constexpr u32 loader_code = 1;
inline constexpr u32 loader_data = 2;
inline constexpr u32 boot_services_code = 3;
inline constexpr u32 boot_services_data = 4;
inline constexpr u32 conventional = 7;
inline constexpr u32 acpi_reclaim = 9;
inline constexpr u32 mmio = 11;
inline constexpr u32 mmio_port_space = 12;
} // namespace memory_type

inline constexpr u64 attribute_runtime = u64{1} << 63;

struct MemoryDescriptor {
    u32 type, padding;
    u64 physical_start, virtual_start, pages, attribute;
};
static_assert(sizeof(MemoryDescriptor) == 40);

enum class Allocate : u32 { any_pages, below, at };

/// 10.2. Only the head that all nodes have.
struct DevicePath {
    u8 type, subtype;
    std::array<u8, 2> length; ///< bytes, little-endian
};
static_assert(sizeof(DevicePath) == 4);

/// 4.4
struct BootServices {
    TableHeader header;
    void *raise_tpl, *restore_tpl;
    Status (*allocate_pages)(Allocate, u32 memory_type, usize pages, u64* address);
    Status (*free_pages)(u64 address, usize pages);
    Status (*get_memory_map)(usize* size, void* map, usize* key, usize* descriptor_size,
                             u32* descriptor_version);
    void *allocate_pool, *free_pool;
    void *create_event, *set_timer, *wait_for_event, *signal_event, *close_event, *check_event;
    void *install_protocol, *reinstall_protocol, *uninstall_protocol;
    Status (*handle_protocol)(Handle, const Guid*, void** interface);
    void* reserved;
    void* register_protocol_notify;
    /// @param search 2: by protocol
    Status (*locate_handle)(u32 search, const Guid*, void* key, usize* size, Handle*);
    Status (*locate_device_path)(const Guid*, DevicePath**, Handle*);
    /// @param table nullptr: the entry goes
    Status (*install_configuration_table)(const Guid*, void* table);
    void *load_image, *start_image, *exit, *unload_image;
    Status (*exit_boot_services)(Handle image, usize key);
    void *next_monotonic_count, *stall, *set_watchdog_timer;
    void* connect_controller;
    Status (*disconnect_controller)(Handle controller, Handle driver, Handle child);
    void *open_protocol, *close_protocol, *open_protocol_information;
    void *protocols_per_handle, *locate_handle_buffer;
    Status (*locate_protocol)(const Guid*, void* registration, void** interface);
};
static_assert(__builtin_offsetof(BootServices, handle_protocol) == 24 + 16 * 8);
static_assert(__builtin_offsetof(BootServices, exit_boot_services) == 24 + 26 * 8);
static_assert(__builtin_offsetof(BootServices, locate_protocol) == 24 + 37 * 8);

/// 4.5
struct RuntimeServices {
    TableHeader header;
    void *get_time, *set_time, *get_wakeup_time, *set_wakeup_time;
    void *set_virtual_address_map, *convert_pointer;
    Status (*get_variable)(const char16_t*, const Guid*, u32* attributes, usize* size, void* data);
};

/// 4.6
struct ConfigurationEntry {
    Guid vendor;
    void* table;
};

/// 4.3
struct SystemTable {
    TableHeader header;
    char16_t* vendor;
    u32 firmware_revision;
    Handle in_handle;
    void* in;
    Handle out_handle;
    TextOutput* out;
    Handle error_handle;
    TextOutput* error;
    RuntimeServices* runtime;
    BootServices* boot;
    usize configuration_entries;
    ConfigurationEntry* configuration;
};
static_assert(sizeof(SystemTable) == 120);

/// 9.1
struct LoadedImage {
    u32 revision;
    Handle parent;
    SystemTable* system;
    Handle device;
    DevicePath* path;
    void* reserved;
    u32 options_size; ///< bytes
    void* options;
    void* base;
    u64 size;
};

/// UEFI Shell Specification 2.2, 4.1
struct ShellParameters {
    char16_t** arguments; ///< the program's name first
    usize count;
};

/// 13.2
struct LoadFile2 {
    Status (*load)(LoadFile2*, DevicePath*, bool boot_policy, usize* size, void* buffer);
};

/// 13.5
struct File {
    u64 revision;
    Status (*open)(File*, File** opened, const char16_t* name, u64 mode, u64 attributes);
    Status (*close)(File*);
    void* remove;
    Status (*read)(File*, usize* size, void* buffer);
    void* write;
    Status (*get_position)(File*, u64*);
    Status (*set_position)(File*, u64); ///< all ones: the end
};
inline constexpr u64 file_mode_read = 1;

/// 13.4
struct FileSystem {
    u64 revision;
    Status (*open_volume)(FileSystem*, File**);
};

/// 14.4
struct PciIo {
    struct Access {
        /// @param width 1: 16 bits
        Status (*read)(PciIo*, u32 width, u32 offset, usize count, void* buffer);
        Status (*write)(PciIo*, u32 width, u32 offset, usize count, void* buffer);
    };
    void *poll_memory, *poll_io;
    void* memory_and_io[4];
    Access configuration;
};

/// 37.5
struct Rng {
    void* get_info;
    /// @param algorithm nullptr: the firmware's choice
    Status (*get)(Rng*, const Guid* algorithm, usize size, void* to);
};

/// TCG EFI Protocol Specification, 6.
struct Tcg2 {
    void* get_capability;
    Status (*get_event_log)(Tcg2*, u32 format, const std::byte** log, const std::byte** last,
                            bool* truncated);
};

} // namespace baton::arm64::efi
