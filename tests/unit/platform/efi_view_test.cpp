// SPDX-License-Identifier: BSD-2-Clause
//
// A kernel's view of a machine of EFI and ACPI, read as a kernel reads it.
#include "hyp/platform/efi/view.hpp"

#include "hyp/platform/efi/crc32.hpp"
#include "hyp/platform/guest/guest_dtb.hpp"
#include "tests/unit/platform/efi_view.hpp"

#include <random>
#include <set>

using namespace baton;
using baton::test::AcpiMachine;
using baton::test::Dtb;
using baton::test::EfiMachine;
using baton::test::EfiView;
using baton::test::FullPlatform;
using baton::test::sum_of;
using baton::test::view_of;
namespace arm = baton::arm64::acpi;

namespace {

constexpr PhysRange range(u64 begin, u64 size) { return {{begin}, size}; }

std::vector<std::byte> entropy(usize size, u8 first = 1) {
    std::vector<std::byte> bytes;
    for (usize i = 0; i < size; i++) {
        bytes.push_back(static_cast<std::byte>(first + i));
    }
    return bytes;
}

constexpr u64 esrt_at = 0x7012'0010, mok_at = 0x7013'0000, log_at = 0x7b08'0000;
constexpr efi::Guid somebodys{0x12345678, 1, 2, {3, 4, 5, 6, 7, 8, 9, 10}};

/// With an entry of each kind.
EfiMachine full_machine(const std::string& name = "virt-4") {
    EfiMachine machine{name};
    AcpiMachine& firmware = machine.firmware;
    firmware.set_configuration({{efi::guid::acpi_1_0, firmware.rsdp()},
                                {efi::guid::acpi_2_0, firmware.rsdp()},
                                {efi::guid::smbios3, 0x7b12'0000},
                                {efi::guid::dtb, 0x7014'0000},
                                {efi::guid::rng_seed, 0x7015'0000},
                                {efi::guid::memreserve, 0x7016'0000},
                                {efi::guid::initrd_media, 0x7017'0000},
                                {efi::guid::esrt, esrt_at},
                                {efi::guid::mok_variables, mok_at},
                                {efi::guid::tpm_event_log, log_at},
                                {somebodys, 0x7018'0000}});
    firmware.put(esrt_at, efi::EsrtHeader{.count = 2, .capacity = 2, .version = 1});
    firmware.put(log_at,
                 efi::TpmEventLog{.size = 5000, .final_events_preboot_size = 0, .version = 2});
    firmware.put(0x7015'0000, efi::RngSeed{.size = 32});
    // An interrupt controller of a kernel before Baton writes there.
    firmware.put(0x7016'0000, efi::MemreserveBlock{.capacity = 0, .count = 0, .next = 0x4500'0000});
    std::vector<std::byte> block(32);
    REQUIRE(write_at(block, 0, efi::MemreserveBlock{.capacity = 1, .count = 1, .next = 0}));
    REQUIRE(write_at(block, 16, efi::MemreserveEntry{.base = 0x4501'0000, .size = 0x1'0000}));
    firmware.put(0x4500'0000, block);
    machine.parse();
    return machine;
}

/// All RAM of the machine but [0x5000'0000, 0x5800'0000), which is the spare slot, say.
std::vector<PhysRange> without_spare(const EfiMachine& machine) {
    RangeSet<64> memory;
    for (const PhysRange& ram : machine.ram()) {
        REQUIRE(memory.add(ram));
    }
    REQUIRE(memory.subtract(range(0x5000'0000, 0x800'0000)));
    return {memory.begin(), memory.end()};
}

/// Every byte of the memory that a kernel takes for its own, by its map.
u64 usable_bytes(const EfiView& view, PhysRange in) {
    u64 bytes = 0;
    for (const efi::MemoryDescriptor& each : view.map()) {
        if (efi::is_usable(each) && each.type != efi::memory_type::acpi_reclaim) {
            const PhysAddr begin = std::max(each.range()->begin, in.begin);
            const PhysAddr end = std::min(each.range()->end(), in.end());
            bytes += begin < end ? end - begin : 0;
        }
    }
    return bytes;
}

} // namespace

TEST_CASE("the CRC of EFI's tables") {
    constexpr std::array check{'1', '2', '3', '4', '5', '6', '7', '8', '9'};
    CHECK(efi::crc32(std::as_bytes(std::span{check})) == 0xcbf4'3926);
    CHECK(efi::crc32({}) == 0);
}

TEST_CASE("a kernel finds EFI and ACPI by a DTB that has nothing else") {
    EfiMachine machine = full_machine();
    const auto memory = without_spare(machine);
    const auto seed = entropy(40);
    const EfiView view = view_of(machine, {.memory = memory,
                                           .bootargs = "console=ttyAMA0 next",
                                           .initrd = range(0x6100'0000, 12345),
                                           .seed = seed});

    // Linux's rule: ACPI it is if no node but these is at the root.
    CHECK(efi::describes_no_machine(view.fdt()));
    CHECK_FALSE(view.fdt().find("/hypervisor"));
    CHECK_FALSE(view.chosen().first_child());
    CHECK(view.fields.dtb % 8 == 0);
    CHECK(view.chosen().string("bootargs") == "console=ttyAMA0 next");
    CHECK(view.number("linux,initrd-start") == 0x6100'0000);
    CHECK(view.number("linux,initrd-end") == 0x6100'0000 + 12345);
    CHECK(std::ranges::equal(*view.chosen().get("kaslr-seed"), std::span(seed).first(8)));
    CHECK(std::ranges::equal(*view.chosen().get("rng-seed"), std::span(seed).subspan(8)));
    CHECK(view.number("linux,uefi-mmap-desc-size") == 48); // as the firmware has it
    CHECK(view.number("linux,uefi-mmap-desc-ver") == 1);
    CHECK(view.number("linux,uefi-secure-boot") == 2);
    for (const char* property : {"linux,uefi-system-table", "linux,uefi-mmap-start"}) {
        CHECK(view.chosen().get(property)->size() == 8);
    }
    for (const char* property : {"linux,uefi-mmap-size", "linux,uefi-mmap-desc-size",
                                 "linux,uefi-mmap-desc-ver", "linux,uefi-secure-boot"}) {
        CHECK(view.chosen().get(property)->size() == 4);
    }
}

TEST_CASE("an EFI system table after boot services") {
    EfiMachine machine = full_machine();
    efi::SystemTable& firmware = machine.tables().system_table;
    firmware.header.header_size = 200; // of a time to come
    firmware.firmware_vendor = 0x7b12'3000;
    firmware.console_in = firmware.console_out = firmware.standard_error = 0x7000'0000;
    firmware.console_in_handle = firmware.console_out_handle = 0x7000'0000;
    firmware.standard_error_handle = firmware.boot_services = 0x7000'0000;
    firmware.runtime_services = 0x7b10'2000;
    const auto memory = without_spare(machine);
    const auto seed = entropy(40);
    const EfiView view = view_of(machine, {.memory = memory, .seed = seed});

    efi::SystemTable table = view.system_table();
    CHECK(efi::is_system_table(table));
    CHECK(table.header.header_size == 120);
    CHECK(table.header.revision == firmware.header.revision);
    CHECK(table.firmware_vendor == firmware.firmware_vendor);
    CHECK(table.runtime_services == 0x7b10'2000);
    CHECK(table.boot_services == 0);
    CHECK((table.console_in | table.console_out | table.standard_error) == 0);
    CHECK((table.console_in_handle | table.console_out_handle | table.standard_error_handle) == 0);
    const u32 crc = table.header.crc32;
    table.header.crc32 = 0;
    CHECK(crc == efi::crc32(std::as_bytes(std::span{&table, 1})));

    // What is not the view's own is the firmware's.
    for (const efi::Guid& vendor :
         {efi::guid::acpi_1_0, efi::guid::acpi_2_0, efi::guid::rng_seed, efi::guid::memreserve}) {
        CHECK(view.has(view.configured_once(vendor)));
    }
    CHECK(view.configured_once(efi::guid::acpi_1_0) == view.configured_once(efi::guid::acpi_2_0));
    CHECK(view.configured_once(efi::guid::smbios3) == 0x7b12'0000);
    CHECK(view.configured_once(efi::guid::esrt) == esrt_at);
    CHECK(view.configured_once(efi::guid::mok_variables) == mok_at);
    CHECK(view.configured_once(efi::guid::tpm_event_log) == log_at);
    CHECK(view.configured_once(somebodys) == 0x7018'0000);
    CHECK(view.configuration().size() == 9);

    const u64 seed_at = view.configured_once(efi::guid::rng_seed);
    CHECK(view.read<efi::RngSeed>(seed_at).size == 32);
    const Bytes own = view.at(seed_at + 4, 32);
    CHECK(std::ranges::search(own, std::span(seed).subspan(8, 8)).empty()); // another
    CHECK(view.memreserve().empty());
}

TEST_CASE("no seed is made of nothing") {
    EfiMachine machine = full_machine();
    for (const usize size : {0U, 7U, 8U}) {
        const auto seed = entropy(size);
        const EfiView view = view_of(machine, {.memory = machine.ram(), .seed = seed});
        CHECK(view.configured(efi::guid::rng_seed).empty());
        CHECK_FALSE(view.chosen().has("rng-seed"));
        CHECK(view.chosen().has("kaslr-seed") == (size == 8));
    }
}

TEST_CASE("ACPI's tables for a guest") {
    EfiMachine machine = full_machine();
    const auto memory = without_spare(machine);
    const EfiView view = view_of(machine, {.memory = memory});

    // All tables are the firmware's, where they are, but two.
    std::vector<u64> firmware;
    for (const efi::AcpiTable& table : machine.tables().acpi_tables) {
        firmware.push_back(table.address.value);
    }
    const auto tables = view.tables();
    REQUIRE(tables.size() == firmware.size());
    std::multiset<std::string> own;
    for (usize i = 0; i < tables.size(); i++) {
        if (view.has(tables[i])) {
            const auto signature = view.read<acpi::Signature>(tables[i]);
            own.insert({signature.data(), signature.size()});
        } else {
            CHECK(tables[i] == firmware[i]);
        }
    }
    CHECK(own == std::multiset<std::string>{"APIC", "FACP"});
    const auto header = *read_at<acpi::TableHeader>(view.root_table());
    CHECK(acpi::is(header.signature, "XSDT"));
    CHECK(header.oem_id == machine.tables().xsdt.oem_id);

    // Power calls go to Baton by HVC.
    const auto before = machine.firmware.table("FACP");
    const Bytes after = view.own_table("FACP");
    REQUIRE(after.size() == before.size());
    CHECK(*read_at<u16>(after, 129) == 3);
    for (usize i = 0; i < after.size(); i++) {
        CHECK((after[i] == before[i] || i == 9 || i == 129)); // checksum, flags
    }

    // The CPUs are those of the machine, without what a hypervisor uses of the GIC.
    const auto cpus = view.cpus();
    REQUIRE(cpus.size() == 4);
    for (usize i = 0; i < cpus.size(); i++) {
        CHECK(cpus[i].mpidr == machine.platform->cpus[i].firmware_id);
        CHECK(cpus[i].flags == 1);
        CHECK(*read_at<u64>(cpus[i].entry, 40) == 0);  // GICV
        CHECK(*read_at<u64>(cpus[i].entry, 48) == 0);  // GICH
        CHECK(*read_at<u32>(cpus[i].entry, 56) == 0);  // maintenance interrupt
        CHECK(*read_at<u32>(cpus[i].entry, 20) == 23); // that of the PMU is the guest's
    }
    CHECK(view.fields.cpu_count == 4);
    CHECK(view.entries_of(0x0c) == 1);
    CHECK(view.entries_of(0x0e) == 1);
    CHECK(view.entries_of(0x0f) == 1);
}

TEST_CASE("a kernel's memory is what Baton maps for it, but what is not to be used") {
    EfiMachine machine = full_machine();
    const auto memory = without_spare(machine);
    const EfiView view = view_of(machine, {.memory = memory});

    CHECK(usable_bytes(view, range(0x5000'0000, 0x800'0000)) == 0);
    CHECK(view.descriptor_of(0x5400'0000).type == efi::memory_type::reserved);
    CHECK(view.descriptor_of(0x5400'0000).range() == range(0x5000'0000, 0x800'0000));
    // All the rest that boot services left free, without this view and what earlier kernels listed.
    CHECK(usable_bytes(view, range(0x4000'0000, 0x3000'0000)) ==
          0x2800'0000 - view.fields.size - 0x1'0000 - 0x1000);
    for (const PhysRange listed : {range(0x4500'0000, 0x1000), range(0x4501'0000, 0x1'0000)}) {
        CHECK(view.descriptor_of(listed.begin.value).type == efi::memory_type::acpi_reclaim);
        CHECK(usable_bytes(view, listed) == 0);
    }
    CHECK(view.descriptor_of(0x7200'0000).type == efi::memory_type::conventional);

    // Tables of the firmware stay what they are for all kernels.
    CHECK(view.descriptor_of(esrt_at).type == efi::memory_type::boot_services_data);
    CHECK(view.descriptor_of(esrt_at).range()->end().value >= esrt_at + 16 + 2 * 40);
    CHECK(view.descriptor_of(mok_at).type == efi::memory_type::acpi_reclaim);
    CHECK(view.descriptor_of(log_at).type == efi::memory_type::acpi_reclaim);
    CHECK(view.descriptor_of(log_at).range()->contains(range(log_at, 5009)));
    for (const u64 of_firmware :
         {0x7b10'0000, 0x7b20'0000, 0x7b40'0000, 0x7c00'0000, 0x7d00'0000, 0x0400'0000}) {
        const auto map = AcpiMachine::default_map();
        const auto found =
            std::ranges::find(map, of_firmware, &efi::MemoryDescriptor::physical_start);
        REQUIRE(found != map.end());
        const auto now = view.descriptor_of(of_firmware);
        CHECK(now.type == found->type);
        CHECK(now.attribute == found->attribute);
        CHECK(now.range() == found->range());
    }
}

TEST_CASE("a Baton in this one's place reads the machine that this one reads") {
    for (const char* name : {"virt-4", "virt-80", "virt-512", "virt-numa"}) {
        CAPTURE(std::string(name));
        EfiMachine machine{name};
        const EfiView view = view_of(machine, {.for_host = true, .bootargs = "baton.slot=64M"});
        FullPlatform again;
        auto map = [&](PhysRange asked) {
            return view.range().contains(asked)
                       ? std::optional{view.at(asked.begin.value, asked.size)}
                       : machine.firmware.read(asked);
        };
        const auto result = read_machine(
            Bytes(view.bytes).subspan(view.fields.dtb, fdt_totalsize(view.fdt().data())),
            PhysicalMemory{map}, AcpiMachine::end, again);
        INFO(std::string(again.fault));
        REQUIRE(result);
        CHECK(again.notes.empty());
        const FullPlatform& before = *machine.platform;
        CHECK(std::ranges::equal(again.ram, before.ram));
        CHECK(std::ranges::equal(again.devices, before.devices));
        REQUIRE(again.cpus.size() == before.cpus.size());
        for (usize i = 0; i < again.cpus.size(); i++) {
            CHECK(again.cpus[i].firmware_id == before.cpus[i].firmware_id);
        }
        CHECK(again.arch->gic.distributor == before.arch->gic.distributor);
        CHECK(std::ranges::equal(again.arch->gic.redistributors, before.arch->gic.redistributors));
        CHECK(std::ranges::equal(again.arch->gic.its, before.arch->gic.its));
        CHECK(again.arch->psci.conduit == before.arch->psci.conduit);
        CHECK(again.arch->gic.maintenance_interrupt == before.arch->gic.maintenance_interrupt);
        CHECK(std::ranges::any_of(again.reserved, [&](const ReservedRange& reserved) {
            return reserved.range.contains(view.range());
        }));
    }
}

TEST_CASE("the tenth kernel is told what the first was") {
    EfiMachine machine = full_machine();
    FirmwareTables& tables = *machine.platform->tables;
    std::vector<std::byte> kept(tables.kept_size());
    tables.keep(kept);
    const auto memory = without_spare(machine);
    const GuestRequest request{.spare_reservations = 8, .memory = memory, .bootargs = "x"};
    const EfiView first = view_of(machine, request);
    // A kernel does what it wants with the firmware's tables.
    for (auto& [address, bytes] : machine.firmware.blocks()) {
        std::ranges::fill(bytes, std::byte{0xff});
    }
    for (u8 number = 2; number <= 10; number++) {
        CHECK(view_of(machine, request).bytes == first.bytes);
        GuestRequest with_seed = request;
        const auto seed = entropy(40, number);
        with_seed.seed = seed;
        const EfiView view = view_of(machine, with_seed, {0x6000'0000 + number * 4 * MiB});
        CHECK(view.fields.size == first.fields.size);
        CHECK(view.fields.cpu_status == first.fields.cpu_status);
        CHECK(std::ranges::equal(view.own_table("APIC"), first.own_table("APIC")));
        CHECK(std::ranges::equal(view.own_table("FACP"), first.own_table("FACP")));
        CHECK(view.configuration().size() == first.configuration().size() + 1); // the seed
    }
}

TEST_CASE("CPUs and ITSs of other VMs are not the host VM's") {
    EfiMachine machine{"virt-4"};
    // Whose CPUs are whose is said in a DTB.
    Dtb dtb = Dtb::load("virt-4.dtb");
    const auto platform = baton::test::parsed(dtb);
    auto division = std::make_unique<Division>();
    REQUIRE(divide(dtb, *platform, *division));
    const auto memory = machine.ram();
    CHECK(view_of(machine, {.memory = memory, .division = division.get()}).entries_of(0x0f) == 1);

    dtb.edit([](void* fdt) {
        const int node = fdt_add_subnode(fdt, fdt_path_offset(fdt, "/chosen"), "other");
        REQUIRE(node >= 0);
        CHECK(fdt_setprop_string(fdt, node, "compatible", "xen,domain") == 0);
        CHECK(fdt_setprop_u64(fdt, node, "memory", 0x10000) == 0);
        CHECK(fdt_setprop_u32(fdt, node, "cpus", 1) == 0);
        CHECK(fdt_setprop_string(fdt, node, "baton,cpus", "1") == 0);
        CHECK(fdt_setprop_string(fdt, node, "baton,devices", "/pcie@10000000") == 0);
        CHECK(fdt_setprop_u32(fdt, node, "#address-cells", 1) == 0);
        CHECK(fdt_setprop_u32(fdt, node, "#size-cells", 1) == 0);
        const int kernel = fdt_add_subnode(fdt, node, "module@48000000");
        static constexpr char kinds[] = "multiboot,kernel\0multiboot,module";
        CHECK(fdt_setprop(fdt, kernel, "compatible", kinds, sizeof(kinds)) == 0);
        CHECK(fdt_setprop_u32(fdt, kernel, "reg", 0x4800'0000) == 0);
        CHECK(fdt_appendprop_u32(fdt, kernel, "reg", 0x10'0000) == 0);
    });
    const auto platform_of_two = baton::test::parsed(dtb);
    const auto two = baton::test::divided(dtb, *platform_of_two);
    EfiView view = view_of(machine, {.memory = memory, .division = two.get()});
    const auto flags = [&] {
        std::vector<u32> all;
        for (const EfiView::Cpu& cpu : view.cpus()) {
            all.push_back(cpu.flags);
        }
        return all;
    };
    CHECK(flags() == std::vector<u32>{1, 0, 1, 1});
    CHECK(view.fields.cpu_count == 3);
    CHECK(view.entries_of(0x0f) == 0);
    CHECK(view.fields.message_controller_status.empty());
    disable_cpu(view.bytes, view.fields, 1); // the VM's second
    CHECK(flags() == std::vector<u32>{1, 0, 0, 1});
    view.check();
}

TEST_CASE("entries of the MADT that no guest has") {
    EfiMachine machine{"virt-4"};
    std::vector<std::byte> madt{machine.firmware.table("APIC").begin(),
                                machine.firmware.table("APIC").end()};
    const auto add = [&](const auto& entry, u8 type) {
        const usize at = madt.size();
        madt.resize(at + sizeof(entry));
        REQUIRE(write_at(std::span{madt}, at, entry));
        REQUIRE(write_at(std::span{madt}, at, arm::MadtEntry{type, sizeof(entry)}));
    };
    arm::MadtMsiFrame frame{};
    frame.base = 0x802'0000;
    add(frame, 0x0d);
    arm::MadtGicc strange{};
    strange.flags = arm::MadtGicc::enabled | arm::MadtGicc::online_capable;
    strange.mpidr = 0x77;
    strange.gicv_base = 0x803'0000;
    add(strange, 0x0b);
    strange.mpidr = machine.platform->cpus[0].firmware_id; // again
    add(strange, 0x0b);
    add(std::array<u8, 24>{}, 0x99); // an OEM's
    const usize whole = madt.size();
    madt.resize(whole + 1); // half an entry
    REQUIRE(write_at(std::span{madt}, 4, static_cast<u32>(madt.size())));

    std::vector<efi::AcpiTable> tables{machine.tables().acpi_tables.begin(),
                                       machine.tables().acpi_tables.end()};
    for (efi::AcpiTable& table : tables) {
        if (acpi::is(*read_at<acpi::Signature>(table.bytes), "APIC")) {
            table.bytes = madt;
        }
    }
    machine.tables().acpi_tables = tables;
    const auto memory = machine.ram();
    const EfiView guest = view_of(machine, {.memory = memory});
    CHECK(guest.own_table("APIC").size() == whole - sizeof(arm::MadtMsiFrame));
    CHECK(guest.entries_of(0x0d) == 0);
    CHECK(guest.entries_of(0x99) == 1);
    REQUIRE(guest.cpus().size() == 6);
    for (const usize at : {4U, 5U}) {
        CHECK(guest.cpus()[at].flags == 0);
        CHECK(*read_at<u64>(guest.cpus()[at].entry, 40) == 0);
    }
    CHECK(guest.fields.cpu_count == 4);

    const EfiView host = view_of(machine, {.for_host = true});
    CHECK(host.own_table("APIC").size() == whole);
    CHECK(host.entries_of(0x0d) == 1);
    CHECK(host.cpus()[4].flags == 9);
    CHECK(host.fields.cpu_count == 4);
}

TEST_CASE("an image in Baton's place gets the firmware's tables") {
    EfiMachine machine = full_machine();
    const DtbModule modules[]{{range(0x6800'0000, 1000), true, "console=ttyAMA0 a:b"},
                              {range(0x6810'0000, 2000), false, {}}};
    const PhysRange reserved[]{range(0x6f80'0000, 4 * MiB), range(0x5000'0000, 100)};
    const GuestRequest request{.for_host = true,
                               .modules = modules,
                               .reserved = reserved,
                               .spare_reservations = 8,
                               .bootargs = "baton.rotate"};
    const EfiView view = view_of(machine, request);
    CHECK(view.own_table("FACP").empty());
    const Bytes madt = view.own_table("APIC");
    CHECK(std::ranges::equal(madt, machine.firmware.table("APIC")));
    CHECK(view.tables().size() == machine.tables().acpi_tables.size());
    CHECK(view.descriptor_of(0x6f80'0000).type == efi::memory_type::reserved);
    CHECK(view.descriptor_of(0x6f80'0000).range() == reserved[0]);
    CHECK(view.descriptor_of(0x5000'0000).range() == range(0x5000'0000, 0x1000));
    CHECK(view.descriptor_of(0x5000'1000).type == efi::memory_type::conventional);

    // What can change lies where it does without reservations.
    GuestRequest whole = request;
    whole.reserved = {};
    const EfiView first = view_of(machine, whole);
    CHECK(first.fields.cpu_status == view.fields.cpu_status);
    CHECK(first.fields.spare_reservations == view.fields.spare_reservations);

    FullPlatform again;
    auto map = [&](PhysRange asked) {
        return view.range().contains(asked) ? std::optional{view.at(asked.begin.value, asked.size)}
                                            : machine.firmware.read(asked);
    };
    const Bytes dtb = Bytes(view.bytes).subspan(view.fields.dtb, fdt_totalsize(view.fdt().data()));
    const auto result = read_machine(dtb, PhysicalMemory{map}, AcpiMachine::end, again);
    INFO(std::string(again.fault));
    REQUIRE(result);
    REQUIRE(again.boot_images.size() == 1);
    CHECK(again.boot_images[0].kernel == modules[0].range);
    CHECK(again.boot_images[0].ramdisk == modules[1].range);
    CHECK(again.boot_images[0].bootargs == "console=ttyAMA0 a:b");
    CHECK(again.bootargs == "baton.rotate");
    CHECK(again.arch->psci.conduit == machine.platform->arch->psci.conduit);
    CHECK(again.arch->gic.maintenance_interrupt ==
          machine.platform->arch->gic.maintenance_interrupt);
}

TEST_CASE("every CPU can be disabled in place") {
    for (const char* name : {"virt-4", "virt-512"}) {
        EfiMachine machine{name};
        EfiView view = view_of(machine, {.memory = machine.ram()});
        const auto count = static_cast<u32>(machine.platform->cpus.size());
        REQUIRE(view.fields.cpu_count == count);
        const auto before = view.bytes;
        std::vector<std::byte> shown = before; // as one sees it who reads past the caches
        for (u32 i = 0; i < count; i += 2) {
            for (u32 times = 0; times < 2; times++) {
                for (const Touched& touched : disable_cpu(view.bytes, view.fields, i)) {
                    std::copy_n(view.bytes.begin() + touched.offset, touched.size,
                                shown.begin() + touched.offset);
                }
            }
        }
        CHECK(shown == view.bytes);
        view.check();
        const auto cpus = view.cpus();
        REQUIRE(cpus.size() == count);
        for (u32 i = 0; i < count; i++) {
            CHECK(cpus[i].flags == i % 2);
        }
        CHECK(disable_cpu(view.bytes, view.fields, max_cpus)[0].size == 0);
    }
}

TEST_CASE("memory is reserved, and an ITS disabled, in a finished view") {
    EfiMachine machine{"virt-4"};
    constexpr u32 spare = 1024;
    EfiView view =
        view_of(machine, {.spare_reservations = spare, .memory = machine.ram(), .bootargs = "x"});
    CHECK(view.memreserve().empty());
    std::vector<PhysRange> all;
    for (u32 i = 0; i < spare; i++) {
        all.push_back(range(0x4100'0000 + u64{i} * 0x2'0000, 0x1'0000));
        const Changes changes = reserve_in_place(view.bytes, view.fields, i, all.back());
        CHECK(changes[0].size == 16);
        CHECK(view.read<u64>(view.where.value + changes[0].offset) == all.back().begin.value);
    }
    CHECK(view.memreserve() == all);

    REQUIRE(view.fields.message_controller_status.size() == 1);
    CHECK(view.entries_of(0x0f) == 1);
    disable_message_controller(view.bytes, view.fields, 0);
    CHECK(view.entries_of(0x0f) == 0);
    view.check();

    // Nothing is written beyond the end.
    GuestDescription wrong = view.fields;
    const auto before = view.bytes;
    const auto size = static_cast<u32>(before.size());
    for (const u32 offset : {size - 3, ~0U}) {
        wrong.cpu_status[0] = wrong.spare_reservations = offset;
        disable_cpu(view.bytes, wrong, 0);
        reserve_in_place(view.bytes, wrong, 0, range(1, 1));
    }
    wrong.madt = size - 9;
    disable_cpu(view.bytes, wrong, 1);
    disable_message_controller(view.bytes, wrong, 0);
    disable_message_controller(view.bytes, wrong, 1);
    CHECK(view.bytes == before);
}

TEST_CASE("tables whose promises Baton does not keep are not shown to guests") {
    EfiMachine machine{"virt-4"};
    const auto table = [](std::string_view signature, u8 behind) {
        std::vector<std::byte> bytes(48);
        std::transform(signature.begin(), signature.end(), bytes.begin(),
                       [](char c) { return static_cast<std::byte>(c); });
        bytes[36] = static_cast<std::byte>(behind);
        return bytes;
    };
    const auto picture = table("BGRT", 1), events = table("SDEI", 0), by_event = table("AGDI", 0),
               by_interrupt = table("AGDI", 1), other = table("AEST", 0);
    std::vector<efi::AcpiTable> tables{machine.tables().acpi_tables.begin(),
                                       machine.tables().acpi_tables.end()};
    const usize before = tables.size();
    u64 at = 0x7c70'0000;
    for (const auto* each : {&picture, &events, &by_event, &by_interrupt, &other}) {
        tables.push_back({{at += 0x100}, *each});
    }
    machine.tables().acpi_tables = tables;
    const auto shown = [&](bool for_host) {
        const EfiView view = view_of(machine, {.for_host = for_host, .memory = machine.ram()});
        auto all = view.tables();
        REQUIRE(all.size() >= before);
        return std::vector<u64>(all.begin() + static_cast<std::ptrdiff_t>(before), all.end());
    };
    CHECK(shown(false) == std::vector<u64>{0x7c70'0400, 0x7c70'0500});
    CHECK(shown(true) == std::vector<u64>{0x7c70'0200, 0x7c70'0300, 0x7c70'0400, 0x7c70'0500});
}

TEST_CASE("what a machine cannot be described with is refused") {
    EfiMachine machine{"virt-4"};
    const auto refusal = [&](const GuestRequest& request, PhysAddr where = {0x6000'0000}) {
        EfiView view;
        const auto result = efi::build_view(machine.tables(), *machine.platform, request,
                                            view.bytes, where, view.fields);
        REQUIRE_FALSE(result);
        return result.error();
    };
    CHECK(refusal({}, {0x6000'1000}) == Error::bad_range);
    CHECK(refusal({.for_host = true, .spin_table = PhysAddr{0x7000'0000}}) == Error::unsupported);
    machine.tables().acpi_tables = machine.tables().acpi_tables.first(0);
    CHECK(refusal({}) == Error::unsupported);
}

TEST_CASE("a buffer that is too small is refused, whatever its size") {
    EfiMachine machine = full_machine();
    const auto memory = machine.ram();
    const GuestRequest request{.spare_reservations = 300, .memory = memory, .bootargs = "x"};
    const usize needed = view_of(machine, request).fields.size;
    GuestDescription fields;
    for (usize size = 0; size < needed + 64; size += size < 0x2000 ? 8 : 1000) {
        std::vector<std::byte> buffer(size);
        const auto result = efi::build_view(machine.tables(), *machine.platform, request, buffer,
                                            {0x6000'0000}, fields);
        CHECK(result.has_value() == (size >= needed));
        CHECK((result || result.error() == Error::no_room));
    }
}
