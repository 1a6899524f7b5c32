// SPDX-License-Identifier: BSD-2-Clause
#include "hyp/platform/parse.hpp"

namespace baton {

namespace {

/// One walk over the tree that looks at every node once.
class DeviceParser {
  public:
    DeviceParser(const Fdt& fdt, Platform& platform)
        : fdt_{fdt}, platform_{platform}, stdout_{stdout_node(fdt)} {}

    Result<> run();

  private:
    Result<> visit(FdtWalk& walk);
    Result<> parse(const FdtWalk& walk);
    Result<> parse_psci(FdtNode node);
    void parse_pmu(FdtNode node);
    void parse_uart(const FdtWalk& walk);
    Result<> add_registers(const FdtWalk& walk);
    Result<> hide_gic_and_ram();

    const Fdt& fdt_;
    Platform& platform_;
    std::optional<FdtNode> stdout_;
    GicNode gic_{};
    bool has_timer_ = false;
    bool has_psci_ = false;
};

Result<> DeviceParser::run() {
    // The GIC first: until it is known no interrupt can be read.
    if (auto result = find_gic(fdt_, gic_, platform_); !result) {
        return result;
    }
    FdtWalk walk{fdt_};
    while (walk.next()) {
        if (auto result = visit(walk); !result) {
            return result;
        }
    }
    if (walk.too_deep()) {
        return fail(platform_, Error::too_many, "nodes nested deeper than 32");
    }
    if (!has_timer_) {
        return fail(platform_, Error::unsupported, "no Armv8 timer");
    }
    if (!has_psci_) {
        return fail(platform_, Error::unsupported, "no PSCI of version 0.2 or later");
    }
    return hide_gic_and_ram();
}

Result<> DeviceParser::visit(FdtWalk& walk) {
    if (!is_device(walk)) {
        walk.skip_children();
        return {};
    }
    if (walk.node() == gic_.node) {
        return {};
    }
    return parse(walk);
}

Result<> DeviceParser::parse(const FdtWalk& walk) {
    const FdtNode node = walk.node();
    if (node.is_compatible("arm,gic-v3-its")) {
        return parse_its(walk, platform_);
    }
    if (node.is_compatible("arm,armv8-timer")) {
        has_timer_ = true;
        return parse_timer(gic_, node, platform_);
    }
    if (node.is_compatible("arm,psci-1.0") || node.is_compatible("arm,psci-0.2")) {
        return parse_psci(node);
    }
    if (is_pci_host(walk)) {
        if (auto result = parse_pci_host(walk, platform_); !result) {
            return result;
        }
    }
    if (node.is_compatible("arm,dsu-pmu")) {
        parse_dsu(node, platform_);
    }
    if (node.is_compatible("virtio,mmio")) {
        if (const auto frame = walk.reg(0); frame && !platform_.virtio_mmio.push(*frame)) {
            return fail(platform_, Error::too_many, "more than 64 virtio-mmio devices");
        }
    }
    parse_pmu(node);
    if (node == stdout_) {
        parse_uart(walk);
    }
    return add_registers(walk);
}

Result<> DeviceParser::parse_psci(FdtNode node) {
    PsciInfo& info = platform_.psci;
    const std::string_view method = node.string("method");
    if (method != "smc" && method != "hvc") {
        return fail(platform_, Error::bad_dtb, "a PSCI whose method is neither smc nor hvc");
    }
    info.conduit = method == "smc" ? PsciInfo::Conduit::smc : PsciInfo::Conduit::hvc;
    const bool is_1_0 = node.is_compatible("arm,psci-1.0");
    info.major = is_1_0 ? 1 : 0;
    info.minor = is_1_0 ? 0 : 2;
    has_psci_ = true;
    return {};
}

/// Each core type has a compatible string of its own for its PMU; all end alike. Those of a DSU or
/// an interconnect do too, but interrupt by SPI.
void DeviceParser::parse_pmu(FdtNode node) {
    StringReader strings{node.get("compatible").value_or(Bytes{})};
    while (const auto text = strings.take()) {
        if (!platform_.pmu_interrupt && (text->ends_with("-pmu") || text->ends_with("-pmuv3"))) {
            platform_.pmu_interrupt = private_interrupt(gic_, node, 0);
        }
    }
}

void DeviceParser::parse_uart(const FdtWalk& walk) {
    const FdtNode node = walk.node();
    const bool is_pl011 = node.is_compatible("arm,pl011");
    const auto frame = walk.reg(0);
    if (frame && (is_pl011 || node.is_compatible("arm,sbsa-uart"))) {
        platform_.uart = {is_pl011 ? UartKind::pl011 : UartKind::sbsa, *frame};
    } else {
        note(platform_, "stdout-path names a UART that Baton has no driver for");
    }
}

Result<> DeviceParser::add_registers(const FdtWalk& walk) {
    Result<> result;
    for_each_reg(walk,
                 [&](PhysRange range) { result = result ? add_device(range, platform_) : result; });
    return result;
}

Result<> DeviceParser::hide_gic_and_ram() {
    const GicInfo& gic = platform_.gic;
    bool fits = platform_.devices.subtract(gic.distributor);
    for (const PhysRange& region : gic.redistributors) {
        fits = fits && platform_.devices.subtract(region);
    }
    for (const PhysRange& frame : gic.its) {
        fits = fits && platform_.devices.subtract(frame);
    }
    for (const PhysRange& range : platform_.ram) {
        fits = fits && platform_.devices.subtract(range);
    }
    if (!fits) {
        return fail(platform_, Error::too_many, too_many_devices);
    }
    return {};
}

} // namespace

std::optional<FdtNode> stdout_node(const Fdt& fdt) {
    const auto chosen = fdt.find("/chosen");
    if (!chosen) {
        return std::nullopt;
    }
    std::string_view path = chosen->string("stdout-path");
    if (path.empty()) {
        path = chosen->string("linux,stdout-path");
    }
    return fdt.find(path.substr(0, path.find(':'))); // behind the colon: 115200n8
}

bool may_hold_devices(FdtNode node) {
    const std::string_view name = node.name();
    return name != "cpus" && name != "chosen" && name != "reserved-memory" &&
           node.string("device_type") != "memory";
}

bool is_device(const FdtWalk& walk) { return walk.depth() > 1 || may_hold_devices(walk.node()); }

std::optional<PhysRange> device_pages(PhysRange range) {
    const PhysRange pages = whole_pages(range);
    return pages.end() < pages.begin ? std::nullopt : std::optional{pages};
}

Result<> add_device(PhysRange range, Platform& platform) {
    const auto pages = device_pages(range);
    if (pages && !platform.devices.add(*pages)) {
        return fail(platform, Error::too_many, too_many_devices);
    }
    return {};
}

Result<> parse_devices(const Fdt& fdt, Platform& platform) {
    return DeviceParser{fdt, platform}.run();
}

} // namespace baton
