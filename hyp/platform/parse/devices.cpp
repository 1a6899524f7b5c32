// SPDX-License-Identifier: BSD-2-Clause
#include "hyp/platform/arch_nodes.hpp"
#include "hyp/platform/parse/parse.hpp"

namespace baton {

namespace {

/// One walk over the tree that looks at every node once.
class DeviceParser {
  public:
    DeviceParser(const Fdt& fdt, Platform& platform) : fdt_{fdt}, platform_{platform} {}

    Result<> run();

  private:
    Result<> visit(FdtWalk& walk);
    Result<> parse(const FdtWalk& walk);
    Result<> add_registers(const FdtWalk& walk);
    Result<> hide_ram();

    const Fdt& fdt_;
    Platform& platform_;
};

Result<> DeviceParser::run() {
    // First of all: until it is known no interrupt can be read.
    if (auto result = arch::parse_interrupt_controller(fdt_, platform_); !result) {
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
    if (auto result = arch::finish_parsing(platform_); !result) {
        return result;
    }
    return hide_ram();
}

Result<> DeviceParser::hide_ram() {
    bool fits = true;
    for (const PhysRange& range : platform_.ram) {
        fits = fits && platform_.devices.subtract(range);
    }
    return fits ? Result<>{} : fail(platform_, Error::too_many, too_many_devices);
}

Result<> DeviceParser::visit(FdtWalk& walk) {
    if (!is_device(walk)) {
        walk.skip_children();
        return {};
    }
    const auto is_arch = arch::parse_node(walk, platform_);
    if (!is_arch) {
        return std::unexpected(is_arch.error());
    }
    return *is_arch ? Result<>{} : parse(walk);
}

Result<> DeviceParser::parse(const FdtWalk& walk) {
    const FdtNode node = walk.node();
    if (is_pci_host(walk)) {
        if (auto result = parse_pci_host(walk, platform_); !result) {
            return result;
        }
    }
    if (node.is_compatible("virtio,mmio")) {
        if (const auto frame = walk.reg(0); frame && !platform_.virtio_mmio.push(*frame)) {
            return fail(platform_, Error::too_many, "more than 64 virtio-mmio devices");
        }
    }
    return add_registers(walk);
}

Result<> DeviceParser::add_registers(const FdtWalk& walk) {
    Result<> result;
    for_each_reg(walk,
                 [&](PhysRange range) { result = result ? add_device(range, platform_) : result; });
    return result;
}

} // namespace

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
