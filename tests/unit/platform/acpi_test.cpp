// SPDX-License-Identifier: BSD-2-Clause
//
// A machine from ACPI's tables, which are those that QEMU makes.
#include "tests/unit/platform/acpi_machine.hpp"
#include "tests/unit/platform/dtb.hpp"

#include "arch/arm64/mmu/stage2_format.hpp"
#include "arch/arm64/mmu/table_budget.hpp"
#include "hyp/memory/page_table.hpp"
#include "hyp/memory/table_pool.hpp"
#include "hyp/platform/acpi/table_set.hpp"

#include <doctest/doctest.h>

using namespace baton;
using baton::test::AcpiMachine;
using baton::test::Dtb;
using baton::test::FullPlatform;
namespace arm = baton::arm64::acpi;

namespace {

AcpiMachine machine(const std::string& name) {
    return AcpiMachine::load(std::string(UNIT_DATA) + "/" + name + ".acpi");
}

std::unique_ptr<FullPlatform> parsed(AcpiMachine& machine, PhysAddr end = AcpiMachine::end) {
    auto platform = std::make_unique<FullPlatform>();
    const auto result = machine.parse(*platform, end);
    INFO(std::string(platform->fault));
    REQUIRE(result);
    return platform;
}

std::string fault(AcpiMachine& machine) {
    auto platform = std::make_unique<FullPlatform>();
    REQUIRE_FALSE(machine.parse(*platform));
    return platform->fault;
}

bool has_note(const Platform& platform, std::string_view text) {
    return std::ranges::any_of(platform.notes,
                               [&](const char* note) { return text == std::string_view{note}; });
}

PhysRange range(u64 begin, u64 size) { return {{begin}, size}; }

/// Changes a field of a table, and sums the table up again.
template <class T>
void set(std::span<std::byte> table, usize offset, T value) {
    REQUIRE(write_at(table, offset, value));
    AcpiMachine::sum_up(table);
}

bool is_reserved(const Platform& platform, PhysRange range, bool opaque = false) {
    return std::ranges::any_of(platform.reserved, [&](const ReservedRange& each) {
        return each.range.contains(range) && each.opaque == opaque && !each.no_map;
    });
}

} // namespace

TEST_CASE("tables and DTB of one machine say the same") {
    for (const char* count : {"4", "80", "512"}) {
        CAPTURE(count);
        auto tables = machine(std::string("virt-") + count);
        const auto by_tables = parsed(tables);
        const Dtb dtb = Dtb::load(std::string("virt-") + count + ".dtb");
        const auto by_dtb = baton::test::parsed(dtb);

        REQUIRE(by_tables->cpus.size() == by_dtb->cpus.size());
        for (usize i = 0; i < by_dtb->cpus.size(); i++) {
            CHECK(by_tables->cpus[i].firmware_id == by_dtb->cpus[i].firmware_id);
        }
        const auto& gic = by_tables->arch->gic;
        const auto& gic_of_dtb = by_dtb->arch->gic;
        CHECK(gic.distributor == gic_of_dtb.distributor);
        CHECK(std::ranges::equal(gic.redistributors, gic_of_dtb.redistributors));
        CHECK(std::ranges::equal(gic.its, gic_of_dtb.its));
        CHECK(gic.maintenance_interrupt == gic_of_dtb.maintenance_interrupt);
        CHECK_FALSE(gic.redistributors_are_listed);
        CHECK(by_tables->has_message_controllers);
        const auto& timer = by_tables->arch->timer;
        CHECK(timer.secure == by_dtb->arch->timer.secure);
        CHECK(timer.physical == by_dtb->arch->timer.physical);
        CHECK(timer.virt == by_dtb->arch->timer.virt);
        CHECK(timer.hyp == by_dtb->arch->timer.hyp);
        CHECK(timer.hyp_virt == by_dtb->arch->timer.hyp_virt);
        CHECK(by_tables->arch->pmu_interrupt == by_dtb->arch->pmu_interrupt);
        CHECK(by_tables->arch->psci.conduit == by_dtb->arch->psci.conduit);
        REQUIRE(by_tables->uart);
        CHECK(by_tables->uart->kind == by_dtb->uart->kind);
        CHECK(by_tables->uart->frame == by_dtb->uart->frame);
        CHECK(by_tables->uart->interrupt == InterruptId{33});
        REQUIRE(by_tables->pci_hosts.size() == 1);
        CHECK(by_tables->pci_hosts[0].ecam == by_dtb->pci_hosts[0].ecam);
        CHECK(by_tables->pci_hosts[0].first_bus == 0);
        CHECK(by_tables->pci_hosts[0].last_bus == 255);
        CHECK(by_tables->pci_hosts[0].windows.empty());
        // All that the DTB gives the guest, the tables do.
        for (const PhysRange& device : by_dtb->devices) {
            CHECK(by_tables->devices.contains(device));
        }
    }
}

TEST_CASE("several NUMA nodes") {
    auto numa = machine("virt-numa");
    CHECK(parsed(numa)->cpus.size() == 4);
}

TEST_CASE("what QEMU has and Baton does not drive is refused in a sentence") {
    auto v2 = machine("virt-gicv2");
    CHECK(fault(v2) == "the interrupt controller is a GICv2: Baton needs a GICv3");
}

TEST_CASE("the guest's devices are all the rest of the address space") {
    auto tables = machine("virt-4");
    for (const u32 bits : {40u, 44u, 48u}) {
        CAPTURE(bits);
        const PhysAddr end{u64{1} << bits};
        const auto platform = parsed(tables, end);
        const DeviceRanges& devices = platform->devices;
        CHECK(devices.contains(range(0, 0x0800'0000)));
        CHECK(devices.contains(PhysRange::between({0x8000'0000}, end)));
        CHECK_FALSE(devices.overlaps(range(0x4000'0000, 1 * GiB)));
        CHECK_FALSE(devices.overlaps(range(0x0800'0000, 0x10000)));   // Distributor
        CHECK_FALSE(devices.overlaps(range(0x0808'0000, 0x20000)));   // ITS
        CHECK_FALSE(devices.overlaps(range(0x080a'0000, 0xf6'0000))); // Redistributors
        CHECK(devices.contains(range(0x0801'0000, 0x70000)));         // what lies between
        u64 size = 0;
        for (const PhysRange& device : devices) {
            size += device.size;
        }
        CHECK(size == end.value - 1 * GiB - 0x10000 - 0x20000 - 0xf6'0000);
    }
}

namespace {

/// As arm64::Stage2Tables, on this machine.
class HostTables : public TablePool {
  public:
    using TablePool::TablePool;
    u64 load(const u64* entry) const { return *entry; }
    void store(u64* entry, u64 value) { *entry = value; }
    void publish() {}
    void invalidate(GuestRange) {}
};

struct Pages {
    explicit Pages(usize count) : memory{std::aligned_alloc(page_size, count * page_size)} {}
    ~Pages() { std::free(memory); }
    Pages(const Pages&) = delete;
    Pages& operator=(const Pages&) = delete;
    void* memory;
};

} // namespace

TEST_CASE("the tables of a stage-2 root have room for the whole address space") {
    auto tables = machine("virt-512");
    auto map = AcpiMachine::default_map();
    // Islands of RAM that begin and end in the middle of 2 MiB, far apart: the most tables.
    for (u64 i = 1; i < 100; i++) {
        map.push_back({efi::memory_type::conventional, 0, (8 * i + 4) * GiB + 12 * page_size, 0,
                       512 * 1024 + 7, 0xf});
    }
    tables.set_map(map);
    for (const auto& [bits, pa_range] : {std::pair{40u, 2u}, {42u, 3u}, {44u, 4u}, {48u, 5u}}) {
        CAPTURE(bits);
        const PhysAddr end{u64{1} << bits};
        const auto platform = parsed(tables, end);
        CHECK(platform->ram.size() == 100);
        const auto format = arm64::Stage2Format::choose(pa_range, to_guest(end));
        REQUIRE(format);
        const u64 budget =
            arm64::host_table_pages(platform->ram.size() + platform->devices.size(), end);
        const Pages pages{budget};
        PageTable<arm64::Stage2Format, HostTables> root{
            *format, HostTables{{{reinterpret_cast<u64>(pages.memory)}, budget * page_size}}};
        REQUIRE(root.reset());
        bool fits = true;
        for (const PhysRange& ram : platform->ram) {
            fits = fits &&
                   root.map({to_guest(ram.begin), ram.size}, ram.begin, arm64::GuestMemory::ram);
        }
        for (const PhysRange& device : platform->devices) {
            fits = fits && root.map({to_guest(device.begin), device.size}, device.begin,
                                    arm64::GuestMemory::device);
        }
        CHECK(fits);
        CHECK(root.lookup({end.value - 1})->attributes == arm64::GuestMemory::device);
        CHECK(root.lookup({0x4000'0000})->attributes == arm64::GuestMemory::ram);
        CHECK_FALSE(root.lookup({0x0800'0000})); // the Distributor
    }
}

TEST_CASE("memory by the rules of Linux") {
    auto tables = machine("virt-4");
    const auto platform = parsed(tables);
    REQUIRE(platform->ram.size() == 1);
    CHECK(platform->ram[0] == range(0x4000'0000, 1 * GiB));
    CHECK(is_reserved(*platform, range(0x7b10'0000, 0x30'0000)));       // runtime services
    CHECK(is_reserved(*platform, range(0x7b40'0000, 0x10'0000), true)); // reserved: nobody says why
    CHECK(is_reserved(*platform, range(0x7c00'0000, 0x110'0000))); // tables, and firmware's own
    CHECK(is_reserved(*platform, range(AcpiMachine::map_at, 11 * 48)));
    CHECK_FALSE(is_reserved(*platform, range(0x7000'0000, page_size)));
    CHECK_FALSE(is_reserved(*platform, range(0x7b50'0000, page_size)));

    using namespace efi;
    auto map = AcpiMachine::default_map();
    map[0].attribute = memory_attribute::write_combining; // no kernel caches it
    map[1].type = memory_type::persistent;
    map[9].attribute |= memory_attribute::specific_purpose;
    tables.set_map(map);
    const auto other = parsed(tables);
    CHECK(is_reserved(*other, range(0x4000'0000, 0x3000'0000), true));
    CHECK(is_reserved(*other, range(0x7000'0000, 0x0b00'0000)));
    CHECK(is_reserved(*other, range(0x7d10'0000, 0x02f0'0000)));

    map = AcpiMachine::default_map();
    map[10].attribute = memory_attribute::write_combining; // EDK2 says so of flash
    tables.set_map(map);
    CHECK(parsed(tables)->ram.size() == 1);

    map = AcpiMachine::default_map();
    map.push_back({memory_type::conventional, 0, u64{1} << 39, 0, u64{1} << 40, 8});
    map.push_back({memory_type::conventional, 0, u64{1} << 50, 0, 16, 8});     // beyond the CPU
    map.push_back({memory_type::conventional, 0, 0x9000'0800, 0, 16, 8});      // no whole pages
    map.push_back({memory_type::conventional, 0, ~u64{0xfff}, 0, 16, 8});      // wraps
    map.push_back({memory_type::conventional, 0, 0x9000'0000, 0, 0, 8});       // empty
    map.push_back({memory_type::conventional, 0, 0x4000'0000, 0, ~u64{0}, 8}); // overflows
    tables.set_map(map);
    const auto cut = parsed(tables);
    REQUIRE(cut->ram.size() == 2);
    CHECK(cut->ram[1] == range(u64{1} << 39, u64{1} << 39));
}

TEST_CASE("a map of hundreds of entries in any order") {
    auto tables = machine("virt-4");
    auto map = AcpiMachine::default_map();
    map.erase(map.begin()); // 0x40000000 to 0x70000000 in 768 pieces of 1 MiB, odd ones first
    for (const u64 first : {1, 0}) {
        for (u64 i = first; i < 768; i += 2) {
            map.push_back(
                {i % 3 == 0 ? efi::memory_type::loader_data : efi::memory_type::conventional, 0,
                 0x4000'0000 + i * MiB, 0, 256, 0xf});
        }
    }
    tables.set_map(map);
    auto platform = std::make_unique<FullPlatform>();
    // Half of them are in the set at once.
    CHECK_FALSE(tables.parse(*platform));
    CHECK(std::string(platform->fault) == "the EFI memory map has more than 256 ranges of RAM");
    std::ranges::sort(map, {}, &efi::MemoryDescriptor::physical_start);
    tables.set_map(map);
    CHECK(parsed(tables)->ram.size() == 1);
}

TEST_CASE("the root pointer and table") {
    auto tables = machine("virt-4");
    tables.root_pointer()[5] = std::byte{'X'};
    CHECK(fault(tables) == "the ACPI root pointer is damaged");

    tables = machine("virt-4");
    tables.root_pointer()[offsetof(acpi::Rsdp, reserved)] ^= std::byte{1}; // of the longer sum
    CHECK(fault(tables) == "the ACPI root pointer is damaged");

    tables = machine("virt-4");
    set(tables.root_table(), 0, acpi::Signature{'X', 'S', 'D', 'X'});
    CHECK(fault(tables) == "the ACPI root table is damaged, or not in memory");

    tables = machine("virt-4");
    set(tables.root_table(), 4, u32{20});
    CHECK(fault(tables) == "the ACPI root table is damaged, or not in memory");

    tables = machine("virt-4");
    tables.set_configuration({{efi::guid::smbios3, 0x7b12'0000}});
    CHECK(fault(tables) == "the firmware passes neither a DTB of the machine nor ACPI tables");

    tables = machine("virt-4");
    tables.root_table()[9] ^= std::byte{1};
    CHECK(has_note(*parsed(tables), "the checksum of the ACPI root table is wrong"));

    // It lists itself, a device's registers, and what is not memory: none of that is looked at.
    tables = machine("virt-4");
    AcpiMachine::Buffer root{tables.root_table().begin(), tables.root_table().end()};
    const u64 here = 0x7c90'0000;
    for (const u64 address : {here, u64{0x0900'0000}, ~u64{0}, u64{0}}) {
        const auto* const bytes = reinterpret_cast<const std::byte*>(&address);
        root.insert(root.begin() + acpi::root_entries_offset, bytes, bytes + 8);
    }
    REQUIRE(write_at(std::span{root}, 4, static_cast<u32>(root.size())));
    AcpiMachine::sum_up(root);
    tables.put(here, root);
    REQUIRE(write_at(tables.root_pointer(), offsetof(acpi::Rsdp, xsdt), here));
    acpi::set_checksum(tables.root_pointer(), offsetof(acpi::Rsdp, extended_checksum));
    CHECK(parsed(tables)->cpus.size() == 4);
}

TEST_CASE("a table that has to be there is not") {
    for (const char* signature : {"APIC", "GTDT", "FACP"}) {
        auto tables = machine("virt-4");
        set(tables.table(signature), 0, acpi::Signature{'N', 'O', 'N', 'E'});
        CHECK(fault(tables).find(std::string("there is no ACPI table ") + signature) == 0);
    }
    auto tables = machine("virt-4");
    set(tables.table("APIC"), 4, u32{0xffff'ffff});
    CHECK(fault(tables) == "there is no ACPI table APIC (MADT)");
    tables = machine("virt-4");
    tables.table("APIC")[9] ^= std::byte{1};
    CHECK(has_note(*parsed(tables), "the checksum of an ACPI table is wrong"));
    tables = machine("virt-4");
    set(tables.table("SPCR"), 0, acpi::Signature{'N', 'O', 'N', 'E'});
    set(tables.table("MCFG"), 0, acpi::Signature{'N', 'O', 'N', 'E'});
    const auto platform = parsed(tables);
    CHECK_FALSE(platform->uart);
    CHECK(platform->pci_hosts.empty());
    CHECK(has_note(*platform, "there is no MCFG: Baton cannot stop the DMA of PCI devices"));
}

TEST_CASE("FADT and GTDT") {
    auto tables = machine("virt-4");
    set(tables.table("FACP"), offsetof(acpi::Fadt, arm_boot_architecture),
        u16{arm::psci_compliant | arm::psci_use_hvc});
    CHECK(parsed(tables)->arch->psci.conduit == arm64::PsciInfo::Conduit::hvc);
    set(tables.table("FACP"), offsetof(acpi::Fadt, arm_boot_architecture), u16{arm::psci_use_hvc});
    CHECK(fault(tables) == "no PSCI of version 0.2 or later");
    set(tables.table("FACP"), offsetof(acpi::Fadt, flags), u32{0});
    CHECK(fault(tables) == "the ACPI tables are not of the hardware-reduced kind, which Arm's are");

    tables = machine("virt-4");
    set(tables.table("GTDT"), offsetof(arm::Gtdt, el2), u32{0});
    CHECK(fault(tables) ==
          "an Armv8 timer without PPIs for physical, virtual and hypervisor timer");
    set(tables.table("GTDT"), offsetof(arm::Gtdt, el2), u32{32}); // an SPI
    CHECK(fault(tables) ==
          "an Armv8 timer without PPIs for physical, virtual and hypervisor timer");
    tables = machine("virt-4");
    set(tables.table("GTDT"), offsetof(acpi::TableHeader, revision), u8{2});
    CHECK_FALSE(parsed(tables)->arch->timer.hyp_virt);
}

namespace {

/// The n-th GICC of the table.
std::span<std::byte> gicc(std::span<std::byte> madt, usize n) {
    usize offset = 0;
    (void)acpi::for_each_madt_entry(madt, [&](u8 type, Bytes bytes) {
        offset = static_cast<usize>(bytes.data() - madt.data());
        return type != static_cast<u8>(arm::MadtType::gicc) || n-- != 0;
    });
    return madt.subspan(offset, arm::gicc_size_5_1);
}

template <class T>
void set_of_cpu(AcpiMachine& machine, usize cpu, usize offset, T value) {
    const auto madt = machine.table("APIC");
    REQUIRE(write_at(gicc(madt, cpu), offset, value));
    AcpiMachine::sum_up(madt);
}

} // namespace

TEST_CASE("CPUs that are not there, or twice") {
    auto tables = machine("virt-4");
    set_of_cpu(tables, 1, arm::gicc_flags_offset, u32{0});
    set_of_cpu(tables, 2, arm::gicc_flags_offset, u32{arm::MadtGicc::online_capable});
    const auto platform = parsed(tables);
    REQUIRE(platform->cpus.size() == 2);
    CHECK(platform->cpus[1].firmware_id == 3);
    CHECK(has_note(*platform, "a CPU that could be plugged in later is left out"));

    tables = machine("virt-4");
    set_of_cpu(tables, 3, arm::gicc_mpidr_offset, u64{2});
    set_of_cpu(tables, 1, arm::gicc_mpidr_offset, ~u64{0});
    const auto twice = parsed(tables);
    CHECK(twice->cpus.size() == 2);
    CHECK(has_note(*twice, "a CPU in the MADT has no MPIDR, or another CPU's: it is left out"));

    tables = machine("virt-4");
    for (usize cpu = 0; cpu < 4; cpu++) {
        set_of_cpu(tables, cpu, arm::gicc_flags_offset, u32{0});
    }
    CHECK(fault(tables) == "the MADT has no CPU that is enabled");

    tables = machine("virt-4");
    set_of_cpu(tables, 2, offsetof(arm::MadtGicc, maintenance_interrupt), u32{26});
    CHECK(fault(tables) == "a GIC without a maintenance interrupt that is every CPU's");
    tables = machine("virt-4");
    set_of_cpu(tables, 2, offsetof(arm::MadtGicc, performance_interrupt), u32{26});
    CHECK_FALSE(parsed(tables)->arch->pmu_interrupt);
}

namespace {

/// An MADT with no more than what the test puts in.
class Madt {
  public:
    explicit Madt(AcpiMachine& machine) {
        const auto old = machine.table("APIC");
        bytes_.assign(old.begin(), old.begin() + sizeof(acpi::Madt));
    }
    template <class Entry>
    Madt& add(arm::MadtType type, Entry entry, usize size = sizeof(Entry)) {
        entry.head = {static_cast<u8>(type), static_cast<u8>(size)};
        const auto* const begin = reinterpret_cast<const std::byte*>(&entry);
        bytes_.insert(bytes_.end(), begin, begin + size);
        return *this;
    }
    Madt& cpu(u64 mpidr, u64 gicr_base, u32 flags = arm::MadtGicc::enabled) {
        return add(arm::MadtType::gicc, arm::MadtGicc{.head = {},
                                                      .reserved = 0,
                                                      .interface_number = 0,
                                                      .uid = 0,
                                                      .flags = flags,
                                                      .parking_protocol = 0,
                                                      .performance_interrupt = 23,
                                                      .parked_address = 0,
                                                      .gicc_base = 0,
                                                      .gicv_base = 0,
                                                      .gich_base = 0,
                                                      .maintenance_interrupt = 25,
                                                      .gicr_base = gicr_base,
                                                      .mpidr = mpidr,
                                                      .efficiency_class = 0,
                                                      .reserved2 = 0,
                                                      .spe_interrupt = 0,
                                                      .trbe_interrupt = 0});
    }
    Madt& distributor(u64 base, u8 version = 3) {
        return add(arm::MadtType::gicd, arm::MadtGicd{{}, 0, 0, base, 0, version, {}});
    }
    Madt& region(u64 base, u32 length) {
        return add(arm::MadtType::gicr, arm::MadtGicr{{}, 0, base, length});
    }
    Madt& its(u64 base) { return add(arm::MadtType::gic_its, arm::MadtIts{{}, 0, 0, base, 0}); }
    void put(AcpiMachine& machine) { machine.replace("APIC", bytes_); }

  private:
    AcpiMachine::Buffer bytes_;
};

constexpr u64 gicd = 0x1000'0000, gicr = 0x1100'0000;
constexpr const char* misplaced = "the MADT has a part of the GIC where none can be";

} // namespace

TEST_CASE("Redistributors that the CPUs name") {
    auto tables = machine("virt-4");
    Madt{tables}
        .cpu(0, gicr)
        .cpu(1, gicr + 0x20000)
        .cpu(2, gicr + 0x40000, 0)
        .cpu(0x100, gicr + 0x100000)
        .cpu(0x101, gicr + 0x120000)
        .distributor(gicd)
        .its(0x1200'0000)
        .put(tables);
    const auto platform = parsed(tables);
    const auto& gic = platform->arch->gic;
    CHECK(gic.redistributors_are_listed);
    REQUIRE(gic.redistributors.size() == 2);
    CHECK(gic.redistributors[0] == range(gicr, 0x40000));
    CHECK(gic.redistributors[1] == range(gicr + 0x100000, 0x40000));
    CHECK(platform->cpus.size() == 4);

    tables = machine("virt-4");
    Madt{tables}.cpu(0, gicr).cpu(1, gicr + 0x40000).distributor(gicd, 4).put(tables);
    const auto with_virtual_lpis = parsed(tables);
    REQUIRE(with_virtual_lpis->arch->gic.redistributors.size() == 1);
    CHECK(with_virtual_lpis->arch->gic.redistributors[0] == range(gicr, 0x80000));
    CHECK_FALSE(with_virtual_lpis->has_message_controllers);

    tables = machine("virt-4");
    Madt{tables}.cpu(0, gicr).cpu(1, 0).distributor(gicd).put(tables);
    CHECK(fault(tables) == "the interrupt controller is a GICv2: Baton needs a GICv3");
}

TEST_CASE("parts of the GIC that are nowhere, or at one place") {
    auto tables = machine("virt-4");
    const auto refused = [&](const Madt& madt) {
        auto copy = madt;
        copy.put(tables);
        return fault(tables);
    };
    const auto cpus = Madt{tables}.cpu(0, 0);
    const auto with = [&] { return cpus; };
    CHECK(refused(with().region(gicr, 0x20000)) == "the MADT has no GIC Distributor, or several");
    CHECK(refused(with().distributor(gicd).distributor(gicr)) ==
          "the MADT has no GIC Distributor, or several");
    CHECK(refused(with().distributor(gicd, 2)) ==
          "the interrupt controller is a GICv2: Baton needs a GICv3");
    CHECK(refused(with().distributor(0).region(gicr, 0x20000)) == misplaced);
    CHECK(refused(with().distributor(0x5000'0000).region(gicr, 0x20000)) == misplaced); // RAM
    CHECK(refused(with().distributor(gicd + 8).region(gicr, 0x20000)) == misplaced);
    CHECK(refused(with().distributor(gicd).region(gicd, 0x20000)) == misplaced);
    CHECK(refused(with().distributor(gicd).region(gicr, 0x20000).region(gicr, 0x40000)) ==
          misplaced);
    CHECK(refused(with().distributor(gicd).region(gicr, 0x1000)) == misplaced);
    CHECK(refused(with().distributor(gicd).region(~u64{0xffff}, 0x20000)) == misplaced);
    CHECK(refused(with().distributor(gicd).region(gicr, 0x20000).its(gicr)) == misplaced);
    auto many = with().distributor(gicd);
    for (u64 i = 0; i < 65; i++) {
        many.region(gicr + i * 0x100000, 0x20000);
    }
    CHECK(refused(many) == "more than 64 redistributor regions");
    // An entry that goes beyond the table, one without length, one too short for its kind.
    CHECK(refused(with().add(arm::MadtType::gicd, arm::MadtGicd{}, 8)) ==
          "the MADT has an entry that does not fit");
    CHECK(refused(with().add(arm::MadtType::gicr, arm::MadtIts{}, 2).distributor(gicd)) ==
          "the MADT has an entry that does not fit");
}

TEST_CASE("more CPUs than Baton has room for") {
    auto tables = machine("virt-4");
    Madt madt{tables};
    for (u64 i = 0; i < 513; i++) {
        madt.cpu((i / 16) << 8 | i % 16, gicr + i * 0x20000);
    }
    madt.distributor(gicd).put(tables);
    CHECK(fault(tables) == "more than 512 CPUs");
}

TEST_CASE("PCI host bridges of MCFG") {
    auto tables = machine("virt-4");
    const auto old = tables.table("MCFG");
    AcpiMachine::Buffer mcfg{old.begin(), old.begin() + sizeof(acpi::Mcfg)};
    const auto add = [&](u64 base, u8 first, u8 last) {
        const acpi::McfgEntry entry{base, 0, first, last, 0};
        const auto* const begin = reinterpret_cast<const std::byte*>(&entry);
        mcfg.insert(mcfg.end(), begin, begin + sizeof(entry));
    };
    add(0x2000'0000, 0, 15);
    add(0x3000'0000, 32, 63);
    add(0x3100'0000, 32, 63);     // overlaps the one before
    add(0x4000'0000, 0, 255);     // RAM
    add(u64{1} << 40, 0, 15);     // beyond the CPU
    add(~u64{0} << 20, 200, 255); // wraps
    add(0x2400'0000, 9, 8);
    mcfg.push_back(std::byte{1}); // and a part of an entry
    tables.replace("MCFG", mcfg);
    const auto platform = parsed(tables);
    REQUIRE(platform->pci_hosts.size() == 2);
    CHECK(platform->pci_hosts[0].ecam == range(0x2000'0000, 16 * MiB));
    CHECK(platform->pci_hosts[1].ecam == range(0x3200'0000, 32 * MiB));
    CHECK(platform->pci_hosts[1].first_bus == 32);
    CHECK(has_note(*platform, "a PCI host bridge in MCFG is where none can be"));
}

TEST_CASE("the console of SPCR") {
    auto tables = machine("virt-4");
    set(tables.table("SPCR"), offsetof(acpi::Spcr, interface), u8{0x0e});
    CHECK(parsed(tables)->uart->kind == UartKind::sbsa);
    set(tables.table("SPCR"), offsetof(acpi::Spcr, interface), u8{0x12});
    const auto platform = parsed(tables);
    CHECK_FALSE(platform->uart);
    CHECK(has_note(*platform, "SPCR names a UART that Baton has no driver for"));
    set(tables.table("SPCR"), offsetof(acpi::Spcr, interface), u8{3});
    constexpr usize address =
        offsetof(acpi::Spcr, registers) + offsetof(acpi::GenericAddress, address);
    set(tables.table("SPCR"), address, u64{0x4000'0000});
    CHECK(has_note(*parsed(tables), "SPCR names a UART where none can be"));
    set(tables.table("SPCR"), address, u64{0});
    const auto off = parsed(tables);
    CHECK_FALSE(off->uart);
    CHECK(off->notes.empty());
}

TEST_CASE("EFI's system table") {
    auto tables = machine("virt-4");
    tables.put(AcpiMachine::system_table_at, efi::SystemTable{});
    CHECK(fault(tables) == "linux,uefi-system-table names no EFI system table");
    tables = machine("virt-4");
    auto map = AcpiMachine::default_map();
    map.erase(map.begin() + 2); // where it lies
    tables.set_map(map);
    CHECK(fault(tables) == "the EFI system table is not in what the EFI memory map says is memory");

    // A kernel has given the firmware virtual addresses.
    tables = machine("virt-4");
    map = AcpiMachine::default_map();
    map[2].virtual_start = 0xffff'8000'0000'0000;
    tables.set_map(map);
    efi::SystemTable system =
        *read_at<efi::SystemTable>(tables.blocks()[AcpiMachine::system_table_at]);
    system.configuration_table += map[2].virtual_start - map[2].physical_start;
    tables.set_system_table(system);
    const auto platform = parsed(tables);
    CHECK(platform->tables->configuration_address == PhysAddr{AcpiMachine::configuration_at});
    CHECK(platform->cpus.size() == 4);
    system.configuration_entries = 257;
    tables.set_system_table(system);
    CHECK(fault(tables) == "the EFI system table has more than 256 configuration tables");
}

TEST_CASE("what configuration tables lead to stays") {
    auto tables = machine("virt-4");
    constexpr u64 memreserve = 0x7100'0000, log = 0x7200'0000, attributes = 0x7300'0000,
                  unknown = 0x7400'0100;
    tables.set_configuration({{efi::guid::acpi_2_0, tables.rsdp()},
                              {efi::guid::memreserve, memreserve},
                              {efi::guid::tpm_event_log, log},
                              {efi::guid::memory_attributes, attributes},
                              {efi::guid::rng_seed, 0x7600'0000},
                              {{1, 2, 3, {}}, unknown},
                              {{1, 2, 4, {}}, 0x0900'0000}}); // registers
    struct Block {
        efi::MemreserveBlock head;
        efi::MemreserveEntry entries[2];
    };
    tables.put(memreserve, Block{{2, 2, 0x7500'0000}, {{0x4100'0000, 0x10000}, {~u64{0}, 5}}});
    tables.put(0x7500'0000, Block{{2, 1, 0}, {{0x4200'0800, 0x800}, {0x4300'0000, 0x1000}}});
    struct Seed {
        efi::RngSeed head;
        u8 bytes[100];
    };
    tables.put(0x7600'0000, Seed{{100}, {1, 2, 3}});
    tables.put(log, efi::TpmEventLog{0x8000, 0, 2});
    tables.put(attributes, efi::MemoryAttributesTable{1, 1000, 48, 0});
    const auto platform = parsed(tables);
    CHECK(is_reserved(*platform, range(0x4100'0000, 0x10000)));
    CHECK(is_reserved(*platform, range(0x4200'0000, page_size)));
    CHECK_FALSE(is_reserved(*platform, range(0x4300'0000, page_size))); // beyond the count
    CHECK(is_reserved(*platform, range(memreserve, page_size)));
    CHECK(is_reserved(*platform, range(0x7500'0000, page_size)));
    CHECK(is_reserved(*platform, range(log, 0x8009)));
    CHECK(is_reserved(*platform, range(attributes, 48016)));
    CHECK(is_reserved(*platform, range(0x7400'0000, page_size)));
    CHECK(platform->notes.empty());
    CHECK(platform->seed.size() == 72);
    CHECK(platform->seed[2] == std::byte{3});

    tables.put(0x7500'0000, Block{{2, 1, memreserve}, {{0x4200'0800, 0x800}, {0, 0}}}); // a loop
    const auto looping = parsed(tables);
    CHECK(has_note(*looping, "the list of memory that earlier kernels reserved is broken"));
    CHECK(is_reserved(*looping, range(0x4200'0000, page_size)));
}

TEST_CASE("the DTB decides whether tables are read") {
    auto tables = machine("virt-4");
    const auto platform = parsed(tables);
    CHECK(platform->bootargs == "baton.slot=64M");
    REQUIRE(platform->boot_images.size() == 1);
    CHECK(platform->boot_images[0].kernel == range(0x4800'0000, 0x0200'0000));
    CHECK(platform->boot_images[0].bootargs == "console=ttyAMA0");
    REQUIRE(platform->tables);
    CHECK(platform->tables->handoff.secure_boot == 2);

    Dtb small{tables.dtb()};
    small.edit([](void* fdt) { fdt_add_subnode(fdt, 0, "hypervisor"); });
    tables.dtb() = small.bytes();
    CHECK(parsed(tables)->cpus.size() == 4);
    small.remove("/chosen", "linux,uefi-mmap-start");
    tables.dtb() = small.bytes();
    CHECK(fault(tables) ==
          "the DTB has no /cpus, and no linux,uefi- properties that lead to ACPI tables");
    tables.dtb() = Dtb::load("virt-4.dtb").bytes();
    CHECK_FALSE(parsed(tables)->tables);
}

TEST_CASE("several VMs, of which the host VM has the devices") {
    auto tables = machine("virt-4");
    Dtb small{tables.dtb()};
    small.edit([](void* fdt) {
        const int chosen = fdt_path_offset(fdt, "/chosen");
        const int vm = fdt_add_subnode(fdt, chosen, "db");
        fdt_setprop_u32(fdt, vm, "#address-cells", 2);
        fdt_setprop_u32(fdt, vm, "#size-cells", 2);
        fdt_setprop_string(fdt, vm, "compatible", "xen,domain");
        fdt_setprop_u32(fdt, vm, "cpus", 2);
        fdt_setprop_u64(fdt, vm, "memory", 64 * KiB);
        const int kernel = fdt_add_subnode(fdt, vm, "module@4c000000");
        static constexpr char kinds[] = "multiboot,kernel\0multiboot,module";
        fdt_setprop(fdt, kernel, "compatible", kinds, sizeof(kinds));
        fdt_appendprop_u64(fdt, kernel, "reg", 0x4c00'0000);
        fdt_appendprop_u64(fdt, kernel, "reg", 0x0200'0000);
    });
    tables.dtb() = small.bytes();
    const auto platform = parsed(tables);
    const auto division = baton::test::divided(small, *platform);
    REQUIRE(division->vms().size() == 2);
    const VmConfig& host = division->vm(host_vm);
    const VmConfig& db = division->vm(VmId{1});
    CHECK(host.cpus.size() == 2);
    CHECK(db.cpus.size() == 2);
    CHECK(db.devices.empty());
    CHECK(db.memory == 64 * MiB);
    CHECK(host.devices.contains(range(0x0a00'0000, 0x4000)));
    CHECK_FALSE(host.devices.overlaps(range(0x0900'0000, page_size))); // Baton's UART
    CHECK(division->uart_interrupt() == InterruptId{33});
    CHECK_FALSE(host.interrupts.has(InterruptId{33}));
    CHECK(host.interrupts.has(InterruptId{34}));
    CHECK(host.pci_hosts.size() == platform->pci_hosts.size());
    CHECK(host.has_message_controllers);

    small.set("/chosen/db", "baton,devices", "/virtio_mmio@a000000");
    tables.dtb() = small.bytes();
    const auto again = parsed(tables);
    Division refused;
    CHECK_FALSE(divide(small, *again, refused));
    CHECK(refused.fault() ==
          "VM db: baton,devices names /virtio_mmio@a000000, but ACPI's tables describe this "
          "machine: its devices stay the host VM's");
}

TEST_CASE("all that is kept lies in the copies") {
    auto tables = machine("virt-4");
    const auto platform = parsed(tables);
    const usize size = platform->tables->kept_size();
    const auto room = std::make_unique<std::byte[]>(size);
    platform->tables->keep({room.get(), size});
    const AcpiMachine::Buffer copy = tables.dtb();
    refer_to(copy, tables.dtb(), *platform);
    const AcpiMachine::Buffer madt{tables.table("APIC").begin(), tables.table("APIC").end()};
    for (auto& [at, bytes] : tables.blocks()) {
        std::ranges::fill(bytes, std::byte{0xee});
    }
    std::ranges::fill(tables.dtb(), std::byte{0xee});
    AcpiMachine::Buffer().swap(tables.dtb());
    CHECK(platform->bootargs == "baton.slot=64M");
    CHECK(platform->boot_images[0].bootargs == "console=ttyAMA0");
    const FirmwareTables& kept = *platform->tables;
    CHECK(std::ranges::equal(*acpi::find_table(*platform, "APIC"), madt));
    CHECK(kept.firmware.configuration.find(efi::guid::acpi_2_0) == tables.rsdp());
    CHECK(kept.firmware.memory_map.size() == AcpiMachine::default_map().size());
    CHECK(kept.firmware.memory_map[2].physical_start == 0x7b10'0000);
    CHECK(acpi::is(kept.firmware.xsdt.signature, "XSDT"));
    CHECK(kept.firmware.acpi_tables.data() == kept.acpi.data());
    CHECK(kept.firmware.acpi_tables.size() == kept.acpi.size());
}
