// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/platform/dtb/fdt.hpp"
#include "hyp/platform/dtb/fdt_walk.hpp"
#include "hyp/platform/platform.hpp"

#include <optional>

/// The parts of parse_platform. Each fills its share of Platform, and sets Platform::fault when it
/// fails.
namespace baton {

/// An error with its words.
struct Mistake {
    Error error;
    const char* words;
};

[[nodiscard]] inline std::unexpected<Error> fail(Platform& platform, Error error,
                                                 const char* fault) {
    platform.fault = fault;
    return std::unexpected(error);
}

/// Later notes than those that fit are dropped.
inline void note(Platform& platform, const char* text) { (void)platform.notes.push(text); }

Result<> parse_cpus(const Fdt& fdt, Platform& platform);
Result<> parse_memory(const Fdt& fdt, Platform& platform);
Result<> parse_chosen(const Fdt& fdt, Platform& platform);
/// After it, where no ACPI table names a console either: notes why there is none.
Result<> parse_stdout(const Fdt& fdt, Platform& platform);
Result<> parse_devices(const Fdt& fdt, Platform& platform);

/// Does this child of /cpus describe a CPU?
bool is_cpu(FdtNode node);
/// Which one of the machine's it is. Nothing if Baton does not use it.
/// @param cpus the node above it
std::optional<CpuId> cpu_of(FdtNode cpus, FdtNode cpu, const Platform& platform);
/// May Baton start it, or is it running? The n-th such one is CpuId n.
bool is_usable_cpu(FdtNode node);

/// What the loader calls an initrd, by /chosen. Loaders reserve it, too: for one kernel, and Baton
/// copies what it needs of it.
std::optional<PhysRange> loaders_initrd(const Fdt& fdt);
/// Is it all that the loader reserved `reserved` for?
bool is_loaders_initrd(const Fdt& fdt, PhysRange reserved);

/// Can there be devices in this child of the root, or below it? Some have a reg, or children with
/// one, that is no device's.
bool may_hold_devices(FdtNode node);
/// Is the walk's node, and what is below it, a device? If not, nothing below it is either.
bool is_device(const FdtWalk& walk);

/// Is the walk's node a PCI bridge that no other PCI bridge is above of?
bool is_pci_host(const FdtWalk& walk);
/// The host bridge's windows, and its ECAM and buses if it is a generic one.
/// Errors, told in words: bad_dtb, too_many.
std::expected<void, Mistake> read_pci_host(const FdtWalk& walk, PciHost& host);
Result<> parse_pci_host(const FdtWalk& walk, Platform& platform);

inline constexpr const char* too_many_devices = "more than 1024 separate device ranges";
/// The pages that a range of registers touches. Nothing in the last page of the 64-bit space: no
/// CPU has so many address bits.
std::optional<PhysRange> device_pages(PhysRange range);
/// Adds them to Platform::devices.
Result<> add_device(PhysRange range, Platform& platform);

/// Calls visit(range) for each entry of `reg` that is an address of the CPU.
template <class Visitor>
void for_each_reg(const FdtWalk& walk, Visitor visit) {
    // Below a PCI bridge `reg` is a configuration address, of three cells.
    const CellCounts cells = walk.cells();
    if (cells.address > 2 || cells.size == 0 || cells.size > 2) {
        return;
    }
    const usize entry_size = 4 * usize{cells.address + cells.size};
    const usize entries = walk.node().get("reg").value_or(Bytes{}).size() / entry_size;
    for (u32 i = 0; i < entries; i++) {
        if (const auto range = walk.reg(i)) {
            visit(*range);
        }
    }
}

} // namespace baton
