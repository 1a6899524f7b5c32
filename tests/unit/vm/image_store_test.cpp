// SPDX-License-Identifier: BSD-2-Clause
#include "hyp/kexec/image_store.hpp"

#include "tests/unit/platform/dtb.hpp"
#include "tests/unit/vm/fake_memory.hpp"
#include "tests/unit/vm/kernel_image.hpp"

#include <algorithm>
#include <string>

using namespace baton;
using baton::test::Dtb;
using baton::test::FakeMemory;
using baton::test::kernel_image;
using baton::test::parsed;

namespace {

constexpr PhysAddr first_kernel{0x5000'0000}, first_ramdisk{0x5100'0000}, next_kernel{0x5200'0000};
constexpr SpinTable spin_table{.memory = {{0x4300'0000}, 2 * page_size}, .table = {0x4300'1000}};

/// A store of QEMU's machine with 4 CPUs, and two boot images.
struct Store {
    FakeMemory memory{{{0x4000'0000}, 512 * MiB}};
    Dtb firmware = Dtb::load("virt-4.dtb");
    std::unique_ptr<baton::test::FullPlatform> platform = parsed(firmware);
    MemoryLayout layout{
        .image = {{0x4020'0000}, 2 * MiB},
        .pool = {{0x4040'0000}, 2 * MiB},
        .slots = {PhysRange{{0x4400'0000}, 16 * MiB}, PhysRange{{0x4600'0000}, 16 * MiB}}};
    std::array<BootImage, 2> boot_images{
        BootImage{.kernel = {first_kernel, 100'000},
                  .ramdisk = PhysRange{first_ramdisk, 7},
                  .bootargs = "one"},
        BootImage{.kernel = {next_kernel, 200'000}, .ramdisk = std::nullopt, .bootargs = "two"}};
    std::array<Vcpu, 4> vcpus;
    std::unique_ptr<ImageStore> images = std::make_unique<ImageStore>();

    explicit Store(std::optional<SpinTable> table = std::nullopt, bool rotate = false) {
        memory.put(first_kernel, kernel_image(100'000, MiB, 'k'));
        memory.put(first_ramdisk, "ramdisk");
        memory.put(next_kernel, kernel_image(200'000, MiB, 'n'));
        for (u32 i = 0; i < vcpus.size(); i++) {
            vcpus[i].id = VcpuId{i};
            vcpus[i].cpu = CpuId{i};
        }
        images->init({.platform = platform.get(),
                      .boot_images = boot_images,
                      .firmware_dtb = firmware,
                      .layout = &layout,
                      .granules = any_granule,
                      .spin_table = table,
                      .rotate = rotate});
    }

    Fdt dtb(const PlacedDescription& description) {
        return *Fdt::open(std::as_bytes(std::span{memory.text(description.range())}));
    }
    Fdt dtb(const StagedImage& image) { return dtb(image.description); }
    Fdt fallback(const StagedImage& image) { return dtb(*image.fallback); }
    std::string bytes(Fdt fdt, const char* property) {
        const Bytes value = fdt.find("/chosen")->get(property).value_or(Bytes{});
        return {reinterpret_cast<const char*>(value.data()), value.size()};
    }
    static bool reserves(Fdt fdt, PhysRange range) {
        for (u32 i = 0; i < fdt.reservation_count(); i++) {
            if (fdt.reservation(i) == range) {
                return true;
            }
        }
        return false;
    }

    /// An image for the spare slot, whose bytes are there.
    ImageStore::Content content(Kexec kexec, u64 dtb_room = max_dtb_size) {
        const auto place = images->place({.file_size = 4096, .text_offset = 0, .image_size = 4096},
                                         {.initrd = 0, .modules = {}});
        REQUIRE(place);
        SlotPlacement cut = *place;
        cut.dtb.size = dtb_room;
        return {.kexec = kexec,
                .id = images->new_id(),
                .size = 4096,
                .place = cut,
                .bootargs = "args",
                .seed = {}};
    }
};

} // namespace

TEST_CASE("the first boot image goes into slot 0, the next into slot 1") {
    Store store;
    const auto first = store.images->stage_first();
    REQUIRE(first);
    const StagedImage& running = **first;
    CHECK(running.slot == SlotId{0});
    CHECK(running.kexec == Kexec::guest);
    CHECK(to_phys(running.entry) == store.layout.slots[0].begin);
    CHECK(running.size == 100'000 + 7 + 3);
    CHECK(store.memory.text({to_phys(running.entry), 100'000}) ==
          store.memory.text({first_kernel, 100'000}));
    CHECK(store.dtb(running).find("/chosen")->string("bootargs") == "one");
    const auto initrd = *store.dtb(running).find("/chosen")->get("linux,initrd-start");
    const PhysAddr ramdisk{CellReader{initrd}.take(static_cast<u32>(initrd.size() / 4)).value()};
    CHECK(store.memory.text({ramdisk, 7}) == "ramdisk");
    CHECK(store.memory.is_published({ramdisk, 7}));
    CHECK_FALSE(store.images->staged());
    CHECK(store.memory.maps(host_vm, SlotId{0}, store.layout.slots[0].begin));
    CHECK_FALSE(store.memory.maps(host_vm, SlotId{0}, store.layout.slots[1].begin));

    REQUIRE(store.images->stage_next());
    const StagedImage& next = *store.images->staged();
    CHECK(next.slot == SlotId{1});
    CHECK(next.id != running.id);
    CHECK(store.dtb(next).find("/chosen")->string("bootargs") == "two");
    CHECK_FALSE(store.dtb(next).find("/chosen")->has("linux,initrd-start"));
    CHECK(store.memory.maps(host_vm, SlotId{1}, store.layout.slots[1].begin));
    CHECK_FALSE(store.memory.maps(host_vm, SlotId{1}, store.layout.slots[0].begin));
    CHECK_FALSE(store.memory.maps(host_vm, SlotId{1}, store.layout.pool.begin));
}

TEST_CASE("no two kernels have the same seeds, nor those of the firmware") {
    Store store;
    const StagedImage& first = **store.images->stage_first();
    REQUIRE(store.images->stage_next());
    const StagedImage& next = *store.images->staged();
    const Fdt firmware = *Fdt::open(store.firmware);
    for (const char* seed : {"kaslr-seed", "rng-seed"}) {
        const std::string a = store.bytes(store.dtb(first), seed);
        const std::string b = store.bytes(store.dtb(next), seed);
        CHECK(a.size() >= 8);
        CHECK(a != b);
        CHECK(a != store.bytes(firmware, seed));
        CHECK(b != store.bytes(firmware, seed));
    }
}

TEST_CASE("boot images are staged in turn, as often as it takes") {
    Store store{std::nullopt, true};
    CHECK(store.images->can_rotate());
    REQUIRE(store.images->stage_first());
    for (const char* bootargs : {"two", "one", "two"}) {
        REQUIRE(store.images->stage_next());
        CHECK(store.dtb(*store.images->staged()).find("/chosen")->string("bootargs") == bootargs);
        const SlotId spare = store.images->spare_slot();
        const StagedImage& image = store.images->consume();
        CHECK(image.slot == spare);
        CHECK(store.images->running_slot() == spare);
        CHECK_FALSE(store.images->staged());
    }
    CHECK_FALSE(Store{}.images->can_rotate());
}

TEST_CASE("a boot image that cannot be staged leaves what runs as it is") {
    Store store;
    REQUIRE(store.images->stage_first());
    store.memory.put(next_kernel + 56, "none");
    CHECK(store.images->stage_next().error() == Error::bad_image_magic);
    CHECK_FALSE(store.images->staged());
    store.memory.put(first_kernel, kernel_image(100'000, 15 * MiB, 'k')); // and 2 MiB for the DTB
    CHECK(store.images->stage_next().error() == Error::image_too_big);
    store.memory.put(next_kernel, kernel_image(200'000, MiB, 'n'));
    store.memory.has_room_for_tables = false;
    CHECK(store.images->stage_next().error() == Error::no_room);
    CHECK_FALSE(store.images->staged());
    CHECK(store.images->running_slot() == SlotId{0});

    Store bad;
    bad.memory.put(first_kernel + 56, "none");
    CHECK(bad.images->stage_first().error() == Error::bad_image_magic);
}

TEST_CASE("a CPU that is excluded is broken in every DTB from then on") {
    Store store;
    CHECK_FALSE(store.images->excludes_any());
    store.images->exclude(store.vcpus[2]);
    CHECK(store.images->excludes_any());
    REQUIRE(store.images->stage_first());
    REQUIRE(store.images->stage_next());
    const Fdt dtb = store.dtb(*store.images->staged());
    CHECK(dtb.find("/cpus/cpu@2")->string("status") == "fail");
    CHECK(dtb.find("/cpus/cpu@1")->string("status") == "okay");
}

TEST_CASE("an id says whose image it is, and never comes again") {
    Store store;
    const u64 first = store.images->new_id();
    CHECK(first != 0);
    CHECK(store.images->new_id() != first);
    CHECK(ImageStore::vm_of(first) == host_vm);

    ImageStore other;
    other.init({.vm = VmId{5},
                .platform = store.platform.get(),
                .boot_images = {},
                .firmware_dtb = store.firmware,
                .layout = &store.layout,
                .granules = any_granule,
                .spin_table = std::nullopt,
                .rotate = true});
    CHECK(ImageStore::vm_of(other.new_id()) == VmId{5});
    CHECK_FALSE(other.can_rotate()); // there is none
}

TEST_CASE("one CPU has the claim") {
    Store store;
    CHECK(store.images->try_claim());
    CHECK_FALSE(store.images->try_claim());
    store.images->unclaim();
    CHECK(store.images->try_claim());
}

TEST_CASE("an image for the whole machine has two DTBs, the second for a CPU that stays behind") {
    Store store;
    store.images->exclude(store.vcpus[3]);
    REQUIRE(store.images->stage(store.content(Kexec::host)));
    const StagedImage& image = *store.images->staged();
    CHECK(image.kexec == Kexec::host);
    REQUIRE(image.fallback);
    const Fdt whole = store.dtb(image), fallback = store.fallback(image);
    for (const Fdt& dtb : {whole, fallback}) {
        CHECK(dtb.find("/chosen")->string("bootargs") == "args");
        CHECK_FALSE(dtb.find("/chosen")->has("rng-seed")); // none was given
    }
    for (const PhysRange& used : {store.layout.image, store.layout.pool}) {
        CHECK_FALSE(store.reserves(whole, used));
        CHECK(store.reserves(fallback, used));
    }
    CHECK(whole.find("/cpus/cpu@3")->string("status") == "okay"); // it may go off still
    CHECK(fallback.find("/cpus/cpu@3")->string("status") == "fail");
    CHECK(fallback.find("/cpus/cpu@2")->string("status") == "okay");
    CHECK(store.memory.is_published(image.description.range()));
    CHECK(store.memory.is_published(image.fallback->range()));

    // What the interrupt controller goes on using, each of them says.
    const PhysRange table{{0x4800'0000}, 64 * KiB};
    store.images->keep_in_use(table, image);
    CHECK(store.reserves(whole, table));
    CHECK(store.reserves(fallback, table));
    for (const Fdt& dtb : {whole, fallback}) {
        CHECK(dtb.find("/intc@8000000/its@8080000")->string("status") == "fail");
    }
}

TEST_CASE("what is staged already learns of memory that is in use, too") {
    Store store;
    const StagedImage& running = **store.images->stage_first();
    REQUIRE(store.images->stage_next());
    const PhysRange table{{0x4800'0000}, 64 * KiB};
    store.images->keep_in_use(table, running);
    CHECK(store.reserves(store.dtb(running), table));
    CHECK(store.reserves(store.dtb(*store.images->staged()), table));
}

TEST_CASE("with a spin table the image's CPUs wait in memory that it leaves alone") {
    Store store{spin_table};
    REQUIRE(store.images->stage(store.content(Kexec::host)));
    const StagedImage& image = *store.images->staged();
    CHECK(store.reserves(store.dtb(image), spin_table.memory));
    for (u32 cpu = 0; cpu < 4; cpu++) {
        CAPTURE(cpu);
        const auto node = store.dtb(image).find("/cpus/cpu@" + std::to_string(cpu));
        CHECK(node->string("enable-method") == "spin-table");
        const auto release = *node->get("cpu-release-addr");
        CHECK(CellReader{release}.take(2) == spin_table.table.value + spin_table_entry_size * cpu);
    }
}

TEST_CASE("a DTB that does not fit its room is refused, and nothing is staged") {
    Store store;
    REQUIRE(store.images->stage(store.content(Kexec::host)));
    const u64 size = align_up(store.images->staged()->description.fields.size, page_size);
    for (const auto kexec : {Kexec::guest, Kexec::host}) {
        CHECK(store.images->stage(store.content(kexec, page_size)).error() == Error::no_room);
        CHECK_FALSE(store.images->staged());
    }
    // Room for one of two.
    CHECK(store.images->stage(store.content(Kexec::host, size + 64)).error() == Error::no_room);
    CHECK_FALSE(store.images->staged());
    store.memory.has_room_for_tables = false;
    CHECK(store.images->stage(store.content(Kexec::host)).error() == Error::no_room);
}
