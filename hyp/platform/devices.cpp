// SPDX-License-Identifier: BSD-2-Clause
#include "hyp/platform/parse.hpp"

namespace baton {

namespace {

/// One walk over the tree that looks at every node once.
class DeviceParser {
  public:
    DeviceParser(const Fdt& fdt, Platform& platform)
        : fdt_{fdt}, platform_{platform}, stdout_{stdout_node()} {}

    Result<> run();

  private:
    Result<> visit(FdtWalk& walk);
    bool is_device(const FdtWalk& walk) const;
    Result<> parse(const FdtWalk& walk);
    Result<> parse_psci(FdtNode node);
    void parse_pmu(FdtNode node);
    void parse_uart(const FdtWalk& walk);
    Result<> add_registers(const FdtWalk& walk);
    Result<> hide_gic_and_ram();
    std::optional<FdtNode> stdout_node() const;

    const Fdt& fdt_;
    Platform& platform_;
    std::optional<FdtNode> stdout_;
    GicNode gic_{};
    bool has_timer_ = false;
    bool has_psci_ = false;
};

std::optional<FdtNode> DeviceParser::stdout_node() const {
    const auto chosen = fdt_.find("/chosen");
    if (!chosen) {
        return std::nullopt;
    }
    std::string_view path = chosen->string("stdout-path");
    if (path.empty()) {
        path = chosen->string("linux,stdout-path");
    }
    return fdt_.find(path.substr(0, path.find(':'))); // behind the colon: 115200n8
}

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

/// Some nodes have a reg, or children with one, that is no device's.
bool DeviceParser::is_device(const FdtWalk& walk) const {
    const FdtNode node = walk.node();
    const std::string_view name = node.name();
    return walk.parent() != fdt_.root() ||
           (name != "cpus" && name != "chosen" && name != "reserved-memory" &&
            node.string("device_type") != "memory");
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
    if (is_pci_bridge(node) && !is_pci_bridge(walk.parent())) {
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
    // Below a PCI bridge `reg` is a configuration address, of three cells.
    const CellCounts cells = walk.cells();
    if (cells.address > 2 || cells.size == 0 || cells.size > 2) {
        return {};
    }
    const usize entry_size = 4 * usize{cells.address + cells.size};
    const usize entries = walk.node().get("reg").value_or(Bytes{}).size() / entry_size;
    for (u32 i = 0; i < entries; i++) {
        if (const auto range = walk.reg(i)) {
            if (auto result = add_device(*range, platform_); !result) {
                return result;
            }
        }
    }
    return {};
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

Result<> add_device(PhysRange range, Platform& platform) {
    const u64 begin = align_down(range.begin.value, page_size);
    const u64 end = align_up(range.end().value, page_size);
    if (end < begin) {
        return {}; // the last page of the 64-bit space: no CPU has so many address bits
    }
    if (!platform.devices.add(PhysRange::between({begin}, {end}))) {
        return fail(platform, Error::too_many, too_many_devices);
    }
    return {};
}

Result<> parse_devices(const Fdt& fdt, Platform& platform) {
    return DeviceParser{fdt, platform}.run();
}

} // namespace baton
