// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/log/format.hpp"
#include "hyp/platform/division/vm_config.hpp"
#include "hyp/platform/dtb/fdt_walk.hpp"

#include <array>

/// The parts of `divide`.
namespace baton {

/// Reads the VMs' nodes but for their devices.
class Divider {
  public:
    Divider(const Fdt& fdt, const Platform& platform, Division& division)
        : fdt_{fdt}, platform_{platform}, division_{division} {}

    Result<> run();

  private:
    /// Adds each node of /chosen that is compatible.
    Result<> read_nodes(std::string_view compatible, Result<> (Divider::*add)(FdtNode));
    Result<> add_vm(FdtNode node);
    Result<> read_sizes(FdtNode node, VmConfig& vm);
    Result<> read_size(FdtNode node, const char* name, u64 alignment, u64& bytes);
    Result<> read_images(FdtNode node, VmConfig& vm);
    Result<> add_shared(FdtNode node);
    Result<> check_memory();

    Result<> claim_listed_cpus(VmId vm);
    Result<> claim_cpu(VmId vm, u64 number);
    Result<> claim_counted_cpus(VmId vm);
    Result<> share_out_cpus();

    std::optional<VmId> find_vm(std::string_view name) const;

    const Fdt& fdt_;
    const Platform& platform_;
    Division& division_;
    StaticVector<FdtNode, max_vms> nodes_; ///< by VmId; the host VM's is the root
};

/// Gives the devices to the VMs.
class DeviceDivider {
  public:
    DeviceDivider(const Fdt& fdt, Division& division)
        : fdt_{fdt}, platform_{*division.platform_}, division_{division} {}

    /// @param nodes of the VMs, by VmId
    Result<> run(std::span<const FdtNode> nodes);

  private:
    /// Whose something is: a VM's, or Baton's own.
    using Owner = std::optional<VmId>;

    void take_uart(const UartInfo& uart);
    Result<> pass_through(VmId vm, FdtNode node);
    Result<> pass_through(VmId vm, std::string_view path);
    Result<> check_may_pass(VmId vm, FdtNode node, std::string_view path);
    Result<> check_passed(VmId vm, const FdtWalk& walk);

    Result<> for_each_device(Result<> (DeviceDivider::*visit)(const FdtWalk&, Owner));
    Result<> collect(const FdtWalk& walk, Owner owner);
    Result<> collect_buses(const FdtWalk& walk, VmConfig& vm);
    Result<> add_pages(PhysRange range, VmConfig& vm);
    Result<> claim_messages(const FdtWalk& walk, VmId vm);
    Result<> check(const FdtWalk& walk, Owner owner);
    Result<> give_rest_to_host();

    bool has(Owner owner, PhysRange pages) const;
    bool has(Owner owner, InterruptId interrupt) const;
    template <class Visitor>
    bool any_other_owner(Owner owner, Visitor visit) const;
    template <class Claim>
    std::string_view find_claim(Owner other, Claim claim, std::span<char> path) const;
    template <class Claim>
    Result<> refuse_shared(const FdtWalk& walk, Owner owner, Owner other, Claim claim,
                           std::string_view what);

    /// What stands in a sentence for an owner.
    struct Name {
        std::string_view kind;
        std::string_view name;
    };
    Name name_of(Owner owner) const;

    const Fdt& fdt_;
    const Platform& platform_;
    Division& division_;
    PhysRange uart_pages_{};
    InterruptSet uart_interrupts_{};
    std::array<bool, decltype(Division::passed_)::capacity> seen_{};
    std::optional<VmId> message_owner_{};
    FdtNode message_user_{};
};

} // namespace baton
