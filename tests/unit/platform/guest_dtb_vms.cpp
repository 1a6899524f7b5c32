// SPDX-License-Identifier: BSD-2-Clause
//
// The DTBs of several VMs of one machine.
#include "tests/unit/platform/guest_dtb.hpp"

using namespace baton;
using baton::test::build;
using baton::test::Built;
using baton::test::divided;
using baton::test::Dtb;
using baton::test::parsed;
using baton::test::reg;

namespace {

constexpr PhysRange range(u64 begin, u64 size) { return {{begin}, size}; }

constexpr VmId vm_a{1};
constexpr VmId vm_b{2};
constexpr PhysRange ring{{0x5f00'0000}, 64 * KiB};

/// The machine of vms.dts.
struct Machine {
    Dtb firmware;
    std::unique_ptr<baton::test::FullPlatform> platform = parsed(firmware);
    std::unique_ptr<Division> division = divided(firmware, *platform);
    std::vector<PhysRange> memory{range(0x4800'0000, 16 * MiB), range(0x6000'0000, 32 * MiB)};
    std::vector<SharedMemoryNode> shared{
        {.range = ring, .doorbell = InterruptId{119}, .number = 3, .name = "ring"}};

    Built dtb_of(VmId vm, std::optional<GuestInterrupt> console) {
        return build(firmware, {.memory = memory,
                                .bootargs = "for one",
                                .division = division.get(),
                                .vm = vm,
                                .console = console,
                                .shared = shared});
    }
    static Machine load() { return {Dtb::load("vms.dtb")}; }
};

std::vector<std::string> children(FdtNode node) {
    std::vector<std::string> names;
    for_each_child(node, [&](FdtNode child) { names.emplace_back(child.name()); });
    return names;
}

std::vector<u64> cells(FdtNode node, std::string_view property) {
    std::vector<u64> values;
    CellReader reader{node.get(property).value_or(Bytes{})};
    while (const auto value = reader.take(1)) {
        values.push_back(*value);
    }
    return values;
}

std::vector<std::string> properties(FdtNode node, std::initializer_list<const char*> asked) {
    std::vector<std::string> found;
    for (const char* name : asked) {
        if (node.has(name)) {
            found.emplace_back(name);
        }
    }
    return found;
}

using Names = std::vector<std::string>;

} // namespace

TEST_CASE("a VM gets what it has and what every VM has") {
    Machine machine = Machine::load();
    const Built built = machine.dtb_of(vm_a, GuestInterrupt{.id = InterruptId{120}});

    CHECK(children(built.node("/")) ==
          Names{"aliases", "__symbols__", "chosen", "reserved-memory", "cpus", "firmware", "timer",
                "pmu", "dsu-pmu-2", "interrupt-controller@8000000", "clock", "soc",
                "virtio@a002000", "pcie@10000000", "memory@48000000", "shared-memory@5f000000"});
    CHECK(built.node("/").string("model") == "a machine for several");
    CHECK(children(built.node("/firmware")) == Names{"psci"});
    CHECK(built.node("/firmware/psci").string("method") == "hvc");
    CHECK(children(built.node("/soc")) == Names{"apb@100000"});
    CHECK(children(built.node("/soc/apb@100000")) == Names{"serial@9000", "dma@3000"});
    CHECK(children(built.node("/pcie@10000000")) == Names{"function@0,0"});
    CHECK(children(built.node("/interrupt-controller@8000000")) == Names{"msi-controller@8080000"});
    CHECK(built.node("/pcie@10000000").has("msi-map"));

    // A bus is there for the addresses on it; its own registers are the host VM's.
    CHECK(
        properties(built.node("/soc/apb@100000"), {"compatible", "ranges", "reg", "interrupts"}) ==
        Names{"compatible", "ranges"});

    CHECK(reg(built.node("/memory@48000000")) == machine.memory);
    CHECK(built.node("/memory@48000000").string("device_type") == "memory");
    CHECK(children(built.node("/reserved-memory")) == Names{"framebuffer@48000000"});
    CHECK(built.fdt().reservation_count() == 0);
    CHECK(properties(built.node("/aliases"), {"serial0", "rtc0", "dma0", "net0"}) ==
          Names{"serial0", "dma0", "net0"});
    CHECK(properties(built.node("/__symbols__"), {"gic", "dma"}) == Names{"gic", "dma"});

    const FdtNode chosen = built.node("/chosen");
    CHECK(chosen.string("bootargs") == "for one");
    CHECK(chosen.string("stdout-path") == "serial0:115200n8");
    CHECK_FALSE(chosen.has("linux,uefi-mmap-start"));
    CHECK_FALSE(chosen.first_child());
}

TEST_CASE("a VM's CPUs are numbered from 0") {
    Machine machine = Machine::load();
    Built built = machine.dtb_of(vm_a, std::nullopt);
    CHECK(children(built.node("/cpus")) == Names{"cpu@100", "cpu@102"});
    REQUIRE(built.fields.cpu_count == 2);
    disable_cpu(built.bytes, built.fields, 1);
    CHECK(built.node("/cpus/cpu@100").string("status") == "okay");
    CHECK(built.node("/cpus/cpu@102").string("status") == "fail");

    const Built host = machine.dtb_of(host_vm, std::nullopt);
    CHECK(children(host.node("/cpus")) == Names{"cpu@0", "cpu@1", "cpu@2"});
    CHECK(host.node("/cpus/cpu@2").string("status") == "fail"); // broken, as ever
    CHECK(host.fields.cpu_count == 2);
}

TEST_CASE("counters that CPUs of several VMs share are nobody's") {
    Machine machine = Machine::load();
    const auto has = [&](VmId vm, const char* path) {
        return machine.dtb_of(vm, std::nullopt).fdt().find(path).has_value();
    };
    CHECK(has(host_vm, "/dsu-pmu-0"));
    CHECK_FALSE(has(vm_a, "/dsu-pmu-0"));
    for (const VmId vm : {host_vm, vm_a, vm_b}) {
        CHECK_FALSE(has(vm, "/dsu-pmu-1"));
    }
    CHECK(has(vm_a, "/dsu-pmu-2"));
    CHECK_FALSE(has(host_vm, "/dsu-pmu-2"));
}

TEST_CASE("a VM's UART is Baton's, at the place of the machine's") {
    Machine machine = Machine::load();
    for (const VmId vm : {host_vm, vm_a}) {
        const Built built = machine.dtb_of(vm, GuestInterrupt{.id = InterruptId{120}});
        const FdtNode uart = built.node("/soc/apb@100000/serial@9000");
        CHECK(reg(uart, {1, 1}) == std::vector{range(0x9000, 0x1000)});
        CHECK(cells(uart, "interrupts") == std::vector<u64>{0, 120 - 32, 4});
        CHECK(uart.number("interrupt-parent") ==
              built.node("/interrupt-controller@8000000").phandle());
        CHECK(uart.has("clocks"));
        CHECK_FALSE(uart.has("dmas"));
        CHECK(built.fdt().find("serial0") == uart);
        CHECK(built.node("/chosen").string("stdout-path") == "serial0:115200n8");
        auto after = std::make_unique<baton::test::FullPlatform>();
        REQUIRE(parse_platform(built.bytes, *after));
        CHECK(after->uart->frame == machine.platform->uart->frame);
    }
    const Built edge = machine.dtb_of(vm_a, GuestInterrupt{.id = InterruptId{32}, .is_edge = true});
    CHECK(cells(edge.node("/soc/apb@100000/serial@9000"), "interrupts") ==
          std::vector<u64>{0, 0, 1});
    for (const VmId vm : {host_vm, vm_b}) {
        const Built built = machine.dtb_of(vm, std::nullopt);
        CHECK_FALSE(built.fdt().find("/soc/apb@100000/serial@9000"));
        CHECK_FALSE(built.node("/chosen").has("stdout-path"));
        CHECK_FALSE(built.node("/aliases").has("serial0"));
    }
}

TEST_CASE("where the machine's UART is no PL011, a VM has SBSA's in its place") {
    const char* const path = "/soc/apb@100000/serial@9000";
    Dtb firmware = Dtb::load("vms.dtb");
    firmware.set_texts(path, "compatible", std::string("acme,uart\0snps,dw-apb-uart", 26));
    firmware.set(path, "reg-shift", std::vector<u32>{2});
    Machine machine{firmware};
    CHECK(machine.platform->uart->kind == UartKind::ns8250);
    for (const VmId vm : {host_vm, vm_a}) {
        const Built built = machine.dtb_of(vm, GuestInterrupt{.id = InterruptId{120}});
        const FdtNode uart = built.node(path);
        CHECK(reg(uart, {1, 1}) == std::vector{range(0x9000, 0x1000)});
        CHECK(cells(uart, "interrupts") == std::vector<u64>{0, 120 - 32, 4});
        CHECK(uart.is_compatible("arm,sbsa-uart"));
        CHECK_FALSE(uart.is_compatible("snps,dw-apb-uart"));
        CHECK(uart.number("current-speed") == 115'200);
        CHECK_FALSE(uart.has("clocks"));
        CHECK_FALSE(uart.has("reg-shift"));
        CHECK(built.fdt().find("serial0") == uart);
        CHECK(built.node("/chosen").string("stdout-path") == "serial0:115200n8");
    }
    // The host VM alone has the UART as it is.
    const Built alone = build(firmware, {.memory = machine.memory, .bootargs = ""});
    CHECK(alone.node(path).is_compatible("snps,dw-apb-uart"));
}

TEST_CASE("a VM without devices") {
    Machine machine = Machine::load();
    const Built built = machine.dtb_of(vm_b, std::nullopt);
    CHECK(children(built.node("/")) == Names{"aliases", "__symbols__", "chosen", "reserved-memory",
                                             "cpus", "firmware", "timer", "pmu",
                                             "interrupt-controller@8000000", "clock",
                                             "memory@48000000", "shared-memory@5f000000"});
    // The messages are another VM's.
    CHECK_FALSE(built.node("/interrupt-controller@8000000").first_child());
    CHECK(built.fields.message_controller_status.empty());
    CHECK(properties(built.node("/__symbols__"), {"gic", "dma"}) == Names{"gic"});

    const FdtNode shared = built.node("/shared-memory@5f000000");
    CHECK(shared.is_compatible("baton,shared-memory"));
    CHECK(reg(shared) == std::vector{ring});
    CHECK(cells(shared, "interrupts") == std::vector<u64>{0, 119 - 32, 1});
    CHECK(shared.number("baton,region") == 3);
    CHECK(shared.string("label") == "ring");
}

TEST_CASE("the host VM gets all but what others have") {
    Machine machine = Machine::load();
    const Built built = machine.dtb_of(host_vm, GuestInterrupt{.id = InterruptId{120}});
    for (const char* gone : {"/virtio@a002000", "/soc/apb@100000/dma@3000", "/pcie@10000000",
                             "/interrupt-controller@8000000/msi-controller@8080000",
                             "/cpus/cpu-map", "/chosen/a", "/chosen/ring"}) {
        CAPTURE(gone);
        CHECK_FALSE(built.fdt().find(gone));
    }
    for (const char* kept : {"/virtio@a000000", "/soc/apb@100000/rtc@a000", "/soc/i2c@200000",
                             "/keys", "/firmware/optee", "/reserved-memory/pool",
                             "/memory@40000000", "/shared-memory@5f000000"}) {
        CAPTURE(kept);
        CHECK(built.fdt().find(kept));
    }
    CHECK(built.node("/soc/apb@100000").has("reg"));
    CHECK(reg(built.node("/memory@40000000")) == machine.memory);
    CHECK(built.fdt().reservation_count() == 1);
    CHECK(properties(built.node("/aliases"), {"serial0", "rtc0", "dma0", "net0"}) ==
          Names{"serial0", "rtc0"});
}

TEST_CASE("what a passed-through node has below it, and a supply, come whole") {
    Dtb firmware = Dtb::load("vms.dtb");
    firmware.set_texts("/chosen/b", "baton,devices", "/soc/i2c@200000");
    firmware.edit([](void* fdt) {
        const int clock = fdt_path_offset(fdt, "/clock");
        REQUIRE(fdt_add_subnode(fdt, clock, "part") > 0);
    });
    Machine machine{firmware};
    const Built built = machine.dtb_of(vm_b, std::nullopt);
    CHECK(built.fdt().find("/soc/i2c@200000/eeprom@50"));
    CHECK(built.fdt().find("/clock/part"));
    CHECK_FALSE(machine.dtb_of(vm_a, std::nullopt).fdt().find("/soc/i2c@200000"));
}

TEST_CASE("one VM alone has the machine as it is") {
    Machine machine{Dtb::load("virt-4.dtb")};
    const Built alone = machine.dtb_of(host_vm, std::nullopt);
    const Built before =
        build(machine.firmware, {.memory = machine.memory, .bootargs = "for one", .shared = {}});
    machine.shared.clear();
    CHECK(machine.dtb_of(host_vm, std::nullopt).bytes == before.bytes);
    CHECK(alone.fdt().find("/pl011@9000000"));
}

TEST_CASE("the next owner of the whole machine gets no VMs' nodes") {
    const Built built = build(Dtb::load("vms.dtb"), {.for_host = true, .bootargs = "x"});
    CHECK_FALSE(built.node("/chosen").first_child());
    CHECK(built.fdt().find("/pcie@10000000"));
    CHECK(built.fields.cpu_count == 6);
}
