// SPDX-License-Identifier: BSD-2-Clause
#include "hyp/platform/fdt_walk.hpp"
#include "hyp/platform/parse.hpp"

#include <algorithm>

namespace baton {

namespace {

/// One walk over the tree that looks at every node once.
class DeviceParser {
  public:
    DeviceParser(const Fdt& fdt, Platform& platform)
        : fdt_{fdt}, platform_{platform}, stdout_{stdout_node()} {}

    Result<> run();

  private:
    Result<> find_gic();
    Result<> parse_gic(const FdtWalk& walk);
    Result<> visit(FdtWalk& walk);
    Result<> visit_known(const FdtWalk& walk);
    Result<> parse_its(const FdtWalk& walk);
    Result<> parse_timer(FdtNode node);
    void parse_pmu(FdtNode node);
    Result<> parse_psci(FdtNode node);
    Result<> parse_pci(const FdtWalk& walk);
    Result<> parse_pci_windows(const FdtWalk& walk, PciHost& host);
    void parse_uart(const FdtWalk& walk);
    Result<> add_registers(const FdtWalk& walk);
    Result<> add_device(PhysRange range);
    Result<> hide_gic_and_ram();
    std::optional<FdtNode> stdout_node() const;
    std::unexpected<Error> failed(Error error, const char* fault) {
        return fail(platform_, error, fault);
    }

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
    if (auto result = find_gic(); !result) {
        return result;
    }
    FdtWalk walk{fdt_};
    while (walk.next()) {
        if (auto result = visit(walk); !result) {
            return result;
        }
    }
    if (walk.too_deep()) {
        return failed(Error::too_many, "nodes nested deeper than 32");
    }
    if (!has_timer_) {
        return failed(Error::unsupported, "no Armv8 timer with its PPIs");
    }
    if (!has_psci_) {
        return failed(Error::unsupported, "no PSCI of version 0.2 or later");
    }
    return hide_gic_and_ram();
}

/// The GIC first: until it is known no interrupt can be read.
Result<> DeviceParser::find_gic() {
    for (FdtWalk walk{fdt_}; walk.next();) {
        if (walk.node().is_compatible("arm,gic-v3")) {
            return parse_gic(walk);
        }
        if (walk.node().is_compatible("arm,cortex-a15-gic") ||
            walk.node().is_compatible("arm,gic-400")) {
            return failed(Error::unsupported,
                          "the interrupt controller is a GICv2: Baton needs a GICv3");
        }
    }
    return failed(Error::unsupported, "no GICv3 interrupt controller");
}

/// Binding arm,gic-v3: the distributor, the redistributor regions, then what a GICv3 with GICv2
/// compatibility has besides.
Result<> DeviceParser::parse_gic(const FdtWalk& walk) {
    const FdtNode node = walk.node();
    GicInfo& info = platform_.gic;
    gic_ = {node, node.number("#interrupt-cells").value_or(0)};
    if (gic_.interrupt_cells < 3 || gic_.interrupt_cells > 8) {
        return failed(Error::bad_dtb, "a GIC with a strange #interrupt-cells");
    }
    const auto distributor = walk.reg(0);
    if (!distributor) {
        return failed(Error::bad_dtb, "a GIC without a distributor");
    }
    info.distributor = *distributor;
    const u32 regions = node.number("#redistributor-regions").value_or(1);
    for (u32 i = 0; i < regions; i++) {
        const auto region = walk.reg(1 + i);
        if (!region) {
            return failed(Error::bad_dtb, "a GIC with fewer redistributor regions than it says");
        }
        if (!info.redistributors.push(*region)) {
            return failed(Error::too_many, "more than 64 redistributor regions");
        }
    }
    if (info.redistributors.empty()) {
        return failed(Error::bad_dtb, "a GIC without redistributors");
    }
    if (const auto stride = node.get("redistributor-stride")) {
        const u32 cells = stride->size() == 8 ? 2 : 1;
        info.redistributor_stride = CellReader{*stride}.take(cells).value_or(0);
    }
    const auto maintenance = private_interrupt(gic_, node, 0);
    if (!maintenance) {
        return failed(Error::unsupported, "a GIC without a maintenance interrupt");
    }
    info.maintenance_interrupt = *maintenance;
    return {};
}

Result<> DeviceParser::visit(FdtWalk& walk) {
    const FdtNode node = walk.node();
    const std::string_view name = node.name();
    const bool below_root = walk.parent() == fdt_.root();
    // Not devices, though their children have a reg.
    if (below_root && (name == "cpus" || name == "chosen" || name == "reserved-memory" ||
                       node.string("device_type") == "memory")) {
        walk.skip_children();
        return {};
    }
    if (node == gic_.node) {
        return {};
    }
    return visit_known(walk);
}

Result<> DeviceParser::visit_known(const FdtWalk& walk) {
    const FdtNode node = walk.node();
    if (node.is_compatible("arm,gic-v3-its")) {
        return parse_its(walk);
    }
    if (node.is_compatible("arm,armv8-timer")) {
        return parse_timer(node);
    }
    if (node.is_compatible("arm,psci-1.0") || node.is_compatible("arm,psci-0.2")) {
        return parse_psci(node);
    }
    if (node.string("device_type") == "pci") {
        return parse_pci(walk);
    }
    if (node.is_compatible("virtio,mmio")) {
        if (const auto frame = walk.reg(0); frame && !platform_.virtio_mmio.push(*frame)) {
            return failed(Error::too_many, "more than 64 virtio-mmio devices");
        }
    }
    parse_pmu(node);
    if (node == stdout_) {
        parse_uart(walk);
    }
    return add_registers(walk);
}

Result<> DeviceParser::parse_its(const FdtWalk& walk) {
    if (const auto frame = walk.reg(0); frame && !platform_.gic.its.push(*frame)) {
        return failed(Error::too_many, "more than 64 ITSs");
    }
    return {};
}

/// Binding arm,arch_timer: secure, physical, virtual, hyp, hyp-virtual, unless names say otherwise.
Result<> DeviceParser::parse_timer(FdtNode node) {
    static constexpr std::array<std::string_view, 5> names{"sec-phys", "phys", "virt", "hyp-phys",
                                                           "hyp-virt"};
    std::array<std::optional<u32>, names.size()> found{};
    if (const auto listed = node.get("interrupt-names")) {
        StringReader strings{*listed};
        u32 at = 0;
        for (auto text = strings.take(); text; text = strings.take(), at++) {
            if (const auto name = std::find(names.begin(), names.end(), *text);
                name != names.end()) {
                found[static_cast<usize>(name - names.begin())] = private_interrupt(gic_, node, at);
            }
        }
    } else {
        for (u32 i = 0; i < names.size(); i++) {
            found[i] = private_interrupt(gic_, node, i);
        }
    }
    const auto& [secure, physical, virt, hyp, hyp_virt] = found;
    if (!physical || !virt || !hyp) {
        return failed(Error::unsupported,
                      "an Armv8 timer without PPIs for physical, virtual and hypervisor timer");
    }
    platform_.timer = {secure, *physical, *virt, *hyp, hyp_virt};
    has_timer_ = true;
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

Result<> DeviceParser::parse_psci(FdtNode node) {
    PsciInfo& info = platform_.psci;
    const std::string_view method = node.string("method");
    if (method != "smc" && method != "hvc") {
        return failed(Error::bad_dtb, "a PSCI whose method is neither smc nor hvc");
    }
    info.conduit = method == "smc" ? PsciInfo::Conduit::smc : PsciInfo::Conduit::hvc;
    const bool is_1_0 = node.is_compatible("arm,psci-1.0");
    info.major = is_1_0 ? 1 : 0;
    info.minor = is_1_0 ? 0 : 2;
    has_psci_ = true;
    return {};
}

Result<> DeviceParser::parse_pci(const FdtWalk& walk) {
    const FdtNode node = walk.node();
    // A host bridge, not a bridge or function below one.
    if (walk.parent().string("device_type") == "pci") {
        return {};
    }
    PciHost host;
    if (auto result = parse_pci_windows(walk, host); !result) {
        return result;
    }
    const auto ecam = walk.reg(0);
    if (!node.is_compatible("pci-host-ecam-generic") || !ecam) {
        note(platform_, "a PCI host bridge is not generic ECAM: Baton cannot stop DMA below it");
        return add_registers(walk);
    }
    constexpr u64 bus_size = 1 * MiB;
    CellReader bus_range{node.get("bus-range").value_or(Bytes{})};
    const u64 first = bus_range.take(1).value_or(0);
    const u64 last = bus_range.take(1).value_or(255);
    const u64 buses = std::min(last - first + 1, ecam->size / bus_size);
    if (first > last || last > 255 || buses == 0) {
        return failed(Error::bad_dtb, "a PCI host bridge without buses");
    }
    host.ecam = {ecam->begin, buses * bus_size};
    host.first_bus = static_cast<u8>(first);
    host.last_bus = static_cast<u8>(first + buses - 1);
    if (!platform_.pci_hosts.push(host)) {
        return failed(Error::too_many, "more than 16 PCI host bridges");
    }
    return add_registers(walk);
}

/// Binding pci-bus-common and IEEE Std 1275's PCI binding, 2.2.1.1: each entry is three cells of
/// PCI address, of which the first tells the space, then the CPU address and the size.
Result<> DeviceParser::parse_pci_windows(const FdtWalk& walk, PciHost& host) {
    CellReader reader{walk.node().get("ranges").value_or(Bytes{})};
    while (!reader.at_end()) {
        const auto space = reader.take(1);
        const auto pci_base = reader.take(2);
        const auto cpu_base = reader.take(walk.cells().address);
        const auto size = reader.take(2);
        if (!space || !pci_base || !cpu_base || !size) {
            return failed(Error::bad_dtb, "a PCI host bridge with a broken ranges");
        }
        const auto on_bus = PhysRange::make({*cpu_base}, *size);
        const auto cpu = on_bus ? walk.to_cpu(*on_bus) : std::nullopt;
        const u64 space_code = *space >> 24 & 3;
        if (!cpu || cpu->empty() || space_code == 0) {
            continue;
        }
        const auto kind = static_cast<PciWindow::Kind>(space_code - 1);
        const bool prefetchable = (*space >> 30 & 1) != 0;
        if (!host.windows.push({kind, prefetchable, *cpu, *pci_base})) {
            return failed(Error::too_many, "more than 8 windows of a PCI host bridge");
        }
        if (auto result = add_device(*cpu); !result) {
            return result;
        }
    }
    return {};
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
            if (auto result = add_device(*range); !result) {
                return result;
            }
        }
    }
    return {};
}

Result<> DeviceParser::add_device(PhysRange range) {
    const u64 begin = align_down(range.begin.value, page_size);
    const u64 end = align_up(range.end().value, page_size);
    if (end < begin) {
        return {}; // the last page of the 64-bit space: no CPU has so many address bits
    }
    if (!platform_.devices.add(PhysRange::between({begin}, {end}))) {
        return failed(Error::too_many, "more than 512 separate device ranges");
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
        return failed(Error::too_many, "more than 512 separate device ranges");
    }
    return {};
}

} // namespace

Result<> parse_devices(const Fdt& fdt, Platform& platform) {
    return DeviceParser{fdt, platform}.run();
}

} // namespace baton
