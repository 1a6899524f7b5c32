// SPDX-License-Identifier: BSD-2-Clause
#include "hyp/kexec/load.hpp"

#include "tests/unit/platform/dtb.hpp"
#include "tests/unit/vm/fake_memory.hpp"

#include <cstring>
#include <random>
#include <string>

using namespace baton;
using baton::test::Dtb;
using baton::test::FakeMemory;
using baton::test::parsed;

namespace {

constexpr u64 ram_begin = 0x4000'0000;
constexpr u64 ram_size = 64 * MiB;
constexpr PhysRange spare_slot{{ram_begin + 32 * MiB}, 32 * MiB};
constexpr PhysAddr sources{ram_begin + 2 * MiB}; ///< where the guest keeps what it loads

/// A guest with a kernel, an initrd and a command line to load.
struct Guest {
    FakeMemory memory{{{ram_begin}, ram_size}};
    Dtb firmware = Dtb::load("virt-4.dtb");
    std::unique_ptr<baton::test::FullPlatform> platform = parsed(firmware);
    std::unique_ptr<ImageStore> store = std::make_unique<ImageStore>();
    MemoryLayout layout{.image = {{ram_begin}, 2 * MiB},
                        .pool = {{ram_begin + 16 * MiB}, 2 * MiB},
                        .slots = {PhysRange{{ram_begin + 20 * MiB}, 8 * MiB}, spare_slot}};
    std::unique_ptr<Load> load;

    std::string kernel = std::string(300'000, 'k');
    std::string initrd = std::string(70'000, 'i');
    std::string command_line = "console=ttyAMA0 quiet";

    Guest() {
        store->init({.platform = platform.get(),
                     .boot_images = platform->boot_images,
                     .firmware_dtb = firmware,
                     .layout = &layout,
                     .granules = any_granule,
                     .spin_table = std::nullopt,
                     .rotate = false});
        load = std::make_unique<Load>(*store);
        set_header(8, 0);
        set_header(16, kernel.size() + 9 * MiB);
        set_header(24, 0b1010);
        set_header(56, 0x644d'5241);
    }

    void set_header(usize offset, u64 value) { std::memcpy(&kernel[offset], &value, 8); }
    std::string all() const { return kernel + initrd + command_line; }

    u64 begin() {
        const Piece pieces[]{{PieceKind::kernel, kernel.size()},
                             {PieceKind::initrd, initrd.size()},
                             {PieceKind::command_line, command_line.size()}};
        const auto id = load->begin(Kexec::guest, pieces);
        REQUIRE(id);
        return *id;
    }
    Result<> copy(u64 id, u64 piece, u64 offset, std::string_view chunk) {
        memory.put(sources, chunk);
        return load->copy(id, piece, offset, {sources, chunk.size()});
    }
    template <class Size>
    void copy_all(u64 id, Size chunk_size) {
        u64 number = 0;
        for (const std::string_view piece : {kernel, initrd, command_line}) {
            for (usize at = 0; at < piece.size();) {
                const std::string_view chunk = piece.substr(at, chunk_size());
                REQUIRE(copy(id, number, at, chunk));
                at += chunk.size();
            }
            number++;
        }
    }
    Load::Seal seal_of(std::string_view text) const {
        Sha256 digest;
        digest.update(std::as_bytes(std::span{text}));
        return {.digest = digest.finish(), .entropy = {}, .has_entropy = false};
    }
    /// Calls of `seal` that it took.
    u32 seal(u64 id, const Load::Seal& request) {
        u32 calls = 0;
        for (u64 left = 1; left != 0; calls++) {
            const auto sealed = load->seal(id, request);
            REQUIRE(sealed);
            left = *sealed;
        }
        return calls;
    }
    std::string_view at(PhysAddr address, usize size) { return memory.text({address, size}); }
    FdtNode chosen() {
        const StagedImage& image = *store->staged();
        const std::string_view dtb = at(image.description.begin, image.description.fields.size);
        const auto node = Fdt::open(std::as_bytes(std::span{dtb}))->find("/chosen");
        REQUIRE(node);
        return *node;
    }
};

constexpr auto whole_chunks = [] { return Load::max_chunk; };

} // namespace

TEST_CASE("a load puts kernel, initrd and DTB in their places, and publishes every byte") {
    Guest guest;
    const u64 id = guest.begin();
    guest.copy_all(id, whole_chunks);
    CHECK(guest.seal(id, guest.seal_of(guest.all())) == 3); // 9 MiB of BSS at 4 MiB a call

    REQUIRE(guest.store->staged());
    const StagedImage& image = *guest.store->staged();
    CHECK(image.id == id);
    CHECK(image.size == guest.all().size());
    CHECK(to_phys(image.entry) == spare_slot.begin);
    CHECK(guest.at(spare_slot.begin, guest.kernel.size()) == guest.kernel);
    const Bytes start = guest.chosen().get("linux,initrd-start").value();
    const u64 initrd_begin = CellReader{start}.take(static_cast<u32>(start.size() / 4)).value();
    CHECK(guest.at({initrd_begin}, guest.initrd.size()) == guest.initrd);
    CHECK(guest.chosen().string("bootargs") == guest.command_line);

    CHECK(guest.memory.is_published({spare_slot.begin, guest.kernel.size() + 9 * MiB}));
    CHECK(guest.memory.is_published({{initrd_begin}, guest.initrd.size()}));
    CHECK(guest.memory.is_published(image.description.range()));
    CHECK(guest.memory.instructions_published);         // after the last byte
    CHECK(guest.memory.largest_published() <= 4 * MiB); // of a call that somebody waits for
    CHECK(spare_slot.contains(PhysRange{spare_slot.begin, image.needs}));
    CHECK(guest.memory.maps(host_vm, SlotId{1}, spare_slot.begin));
    CHECK_FALSE(guest.memory.maps(host_vm, SlotId{1}, guest.layout.slots[0].begin));
}

TEST_CASE("chunks may be of any size") {
    std::minstd_rand random{1};
    for (u32 round = 0; round < 20; round++) {
        Guest guest;
        const u64 id = guest.begin();
        guest.copy_all(id, [&] { return 64 + random() % (Load::max_chunk - 63); });
        guest.seal(id, guest.seal_of(guest.all()));
        CHECK(guest.at(spare_slot.begin, guest.kernel.size()) == guest.kernel);
    }
}

TEST_CASE("the kernel's header is read once") {
    Guest guest;
    const u64 id = guest.begin();
    guest.memory.watched = sources;
    CHECK(guest.copy(id, 0, 0, std::string_view{guest.kernel}.substr(0, 1000)));
    CHECK(guest.memory.looks == 1);
}

TEST_CASE("entropy becomes seeds, and without it there are none") {
    for (const bool has_entropy : {true, false}) {
        Guest guest;
        const u64 id = guest.begin();
        guest.copy_all(id, whole_chunks);
        Load::Seal request = guest.seal_of(guest.all());
        request.has_entropy = has_entropy;
        std::ranges::fill(request.entropy, std::byte{0x5a});
        guest.seal(id, request);
        CHECK(guest.chosen().get("kaslr-seed").value_or(Bytes{}).size() == (has_entropy ? 8 : 0));
        CHECK(guest.chosen().get("rng-seed").value_or(Bytes{}).size() == (has_entropy ? 56 : 0));
    }
}

TEST_CASE("what is not what was meant is not staged") {
    Guest guest;
    const u64 id = guest.begin();
    guest.copy_all(id, whole_chunks);
    CHECK(guest.load->seal(id, guest.seal_of("something else")).error() == Error::bad_digest);
    CHECK_FALSE(guest.store->staged());
    CHECK(guest.load->seal(id, guest.seal_of(guest.all())).error() == Error::stale);
    CHECK(guest.load->progress().state == Load::State::none);
}

TEST_CASE("no room for page tables ends the load, and the next one works") {
    Guest guest;
    u64 id = guest.begin();
    guest.copy_all(id, whole_chunks);
    guest.memory.has_room_for_tables = false;
    const Load::Seal request = guest.seal_of(guest.all());
    Result<u64> sealed = 1;
    while (sealed && *sealed != 0) {
        sealed = guest.load->seal(id, request);
    }
    REQUIRE_FALSE(sealed);
    CHECK(sealed.error() == Error::no_room);
    CHECK_FALSE(guest.store->staged());
    guest.memory.has_room_for_tables = true;
    id = guest.begin();
    guest.copy_all(id, whole_chunks);
    guest.seal(id, request);
    CHECK(guest.store->staged()->id == id);
}

TEST_CASE("a load that is abandoned leaves room for the next") {
    Guest guest;
    const u64 first = guest.begin();
    CHECK(guest.copy(first, 0, 0, std::string_view{guest.kernel}.substr(0, 5000)));
    CHECK(guest.load->discard(first + 1).error() == Error::stale);
    CHECK(guest.load->discard(0));
    const u64 second = guest.begin();
    CHECK(second != first);
    CHECK(guest.copy(first, 0, 5000, "k").error() == Error::stale);
    guest.copy_all(second, whole_chunks);
    guest.seal(second, guest.seal_of(guest.all()));
    CHECK(guest.load->progress().state == Load::State::staged);

    // A load that is refused leaves what is staged; one that begins takes its place.
    const Piece too_big[]{{PieceKind::kernel, spare_slot.size}};
    CHECK(guest.load->begin(Kexec::guest, too_big).error() == Error::image_too_big);
    CHECK(guest.load->needed() == spare_slot.size + max_dtb_size);
    CHECK(guest.store->staged()->id == second);
    guest.begin();
    CHECK_FALSE(guest.store->staged());
}

TEST_CASE("no kernel gets memory that the GIC goes on using, nor its ITS") {
    Guest guest;
    const auto load = [&] {
        const u64 id = guest.begin();
        guest.copy_all(id, whole_chunks);
        guest.seal(id, guest.seal_of(guest.all()));
    };
    const auto dtb = [&](const StagedImage& image) {
        const std::string_view bytes =
            guest.at(image.description.begin, image.description.fields.size);
        return *Fdt::open(std::as_bytes(std::span{bytes}));
    };
    const auto reserved = [&](const StagedImage& image, PhysRange range) {
        u32 times = 0;
        for (u32 i = 0; i < dtb(image).reservation_count(); i++) {
            times += dtb(image).reservation(i) == range;
        }
        return times;
    };
    const auto its = [&](const StagedImage& image) {
        return dtb(image).find("/intc@8000000/its@8080000")->string("status");
    };
    load();
    const StagedImage& first = *guest.store->staged();
    const PhysRange table{{ram_begin + 4 * MiB}, 0xe000}, other{{ram_begin + 5 * MiB}, 0x2000};
    CHECK(its(first) == "okay");

    // What it uses is known when a handover is nearly over.
    guest.memory.forget_published();
    guest.store->keep_in_use(table, first);
    guest.store->keep_in_use(other, first);
    guest.store->keep_in_use(table, first); // another CPU's, too
    CHECK(reserved(first, table) == 1);
    CHECK(reserved(first, other) == 1);
    CHECK(its(first) == "fail");
    for (u32 entry = 0; entry < 2; entry++) {
        const u64 at = first.description.fields.spare_reservations + entry * reservation_size;
        CHECK(guest.memory.is_published({first.description.begin + at, reservation_size}));
    }
    CHECK(guest.memory.is_published(
        {first.description.begin + first.description.fields.message_controller_status[0], 4}));

    load(); // and so for all later ones
    CHECK(reserved(*guest.store->staged(), table) == 1);
    CHECK(reserved(*guest.store->staged(), other) == 1);
    CHECK(its(*guest.store->staged()) == "fail");

    // An image that would lie there is refused.
    const u64 id = guest.begin();
    guest.copy_all(id, whole_chunks);
    guest.store->keep_in_use({spare_slot.begin + MiB, 0x2000}, first);
    const Load::Seal request = guest.seal_of(guest.all());
    Result<u64> sealed = 1;
    while (sealed && *sealed != 0) {
        sealed = guest.load->seal(id, request);
    }
    CHECK(sealed == std::unexpected(Error::no_room));
}
