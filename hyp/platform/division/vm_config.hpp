// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/address.hpp"
#include "hyp/log/format.hpp"
#include "hyp/platform/division/interrupt_set.hpp"
#include "hyp/platform/platform.hpp"
#include "hyp/result.hpp"
#include "hyp/static_vector.hpp"
#include "hyp/types.hpp"

#include <array>
#include <optional>
#include <span>
#include <string_view>

/// What each VM is given of the machine, by the nodes under /chosen: Xen's binding for domains that
/// are there from boot on (`xen,domain`), with properties of Baton's own.
namespace baton {

/// What a reset of a VM does when no image is staged.
enum class OnReset { restart, stop };

/// Large: part of Division. String views point into the DTB.
struct VmConfig {
    std::string_view name{};              ///< of its node; "host"
    StaticVector<CpuId, max_cpus> cpus{}; ///< ascending; VcpuId indexes it
    u64 memory = 0;                       ///< bytes, a multiple of 2 MiB; host VM: 0, what is left
    u64 slot_size = 0;                    ///< bytes, a multiple of 2 MiB; 0: the default
    OnReset on_reset = OnReset::restart;
    bool has_console = false; ///< it has or shares the UART at Platform::uart
    /// The controllers of messages, all of them, are its own.
    bool has_message_controllers = false;
    BootImages boot_images{};
    /// Whole pages to map: registers, PCI windows and ECAM of its devices.
    DeviceRanges devices{};
    StaticVector<PhysRange, 64> virtio_mmio{};
    StaticVector<PciHost, 16> pci_hosts{};
    /// Of those that any CPU can take. The host VM has those too that no node names.
    InterruptSet interrupts{};
};

/// A node that was passed through, with all below it.
struct PassedNode {
    VmId vm{};
    std::string_view path{};
    int begin = 0; ///< offset of the node in the DTB's structure block
    int end = 0;   ///< of what follows it
};

/// Memory that two VMs share.
struct SharedRegion {
    std::string_view name{}; ///< of its node
    u64 size = 0;            ///< bytes, whole pages
    std::array<VmId, 2> vms{};
};

/// Who owns what of the machine. Very large (hundreds of KiB): set once at boot, never on a stack.
/// String views and offsets are those of the DTB that it was read from.
class Division {
  public:
    /// The host VM first, then the others in the order of their nodes.
    std::span<VmConfig> vms() { return std::span{configs_}.first(vm_count_); }
    std::span<const VmConfig> vms() const { return std::span{configs_}.first(vm_count_); }
    const VmConfig& vm(VmId id) const { return configs_[index(id)]; }
    const Platform& platform() const { return *platform_; }

    VmId owner(CpuId cpu) const { return cpu_owners_[index(cpu)]; }
    /// Of a node by its offset. Nothing for Baton's own: with several VMs, the UART.
    std::optional<VmId> owner(int node) const;
    /// Of the UART, where it is Baton's own.
    std::optional<InterruptId> uart_interrupt() const { return uart_interrupt_; }
    /// Those that were passed through: disjoint, in the DTB's order.
    std::span<const PassedNode> passed() const { return {passed_.begin(), passed_.end()}; }
    std::span<const SharedRegion> shared() const { return {shared_.begin(), shared_.end()}; }

    /// The highest interrupt below `end` that no device is known to have becomes the VM's, for a
    /// device that Baton makes; those that AML alone tells of are not known. Nothing if none is
    /// left.
    std::optional<InterruptId> take_unused_interrupt(VmId vm, InterruptId end);

    /// When divide fails: what was wrong, in a sentence.
    std::string_view fault() const { return fault_; }

  private:
    friend class Divider;
    friend class DeviceDivider;

    /// Ends a division with a sentence.
    template <class... Arguments>
    [[nodiscard]] std::unexpected<Error> refuse(Error error, std::string_view pattern,
                                                const Arguments&... arguments) {
        fault_ = format(text_, pattern, arguments...);
        return std::unexpected(error);
    }

    const Platform* platform_ = nullptr;
    std::array<VmConfig, max_vms> configs_{};
    u32 vm_count_ = 0;
    std::array<VmId, max_cpus> cpu_owners_{};
    StaticVector<PassedNode, 256> passed_;
    StaticVector<SharedRegion, 16> shared_;
    InterruptSet named_;        ///< that some node names, or that were taken
    std::optional<int> uart_{}; ///< the node of the UART that is Baton's
    std::optional<InterruptId> uart_interrupt_{};
    std::array<char, 384> text_{};
    std::string_view fault_;
};

/// @param dtb that `platform` was read from
/// @param division freshly made
/// Errors, told in words by division.fault(): bad_dtb (a node that cannot be read or names what is
/// not there), overlap (of two owners), no_room (memory), too_many.
Result<> divide(Bytes dtb, const Platform& platform, Division& division);

} // namespace baton
