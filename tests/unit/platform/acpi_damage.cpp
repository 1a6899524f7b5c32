// SPDX-License-Identifier: BSD-2-Clause
//
// Damaged tables end in a sentence, or in a description that makes sense.
#include "tests/unit/platform/acpi_machine.hpp"

#include <array>
#include <doctest/doctest.h>
#include <random>

using namespace baton;
using baton::arm64::FullPlatform;
using baton::test::AcpiMachine;

namespace {

AcpiMachine machine() { return AcpiMachine::load(std::string(UNIT_DATA) + "/virt-4.acpi"); }

/// One platform for all: to make it is what takes the time.
class Reader {
  public:
    /// Returns whether there is a description.
    bool read(AcpiMachine& machine) {
        std::destroy_at(platform_.get());
        std::construct_at(platform_.get());
        const bool done = machine.parse(*platform_).has_value();
        const std::string_view fault = platform_->fault;
        CHECK(done == fault.empty());
        if (done) {
            check();
        }
        return done;
    }

  private:
    /// What the rest of Baton takes for granted.
    void check() {
        const auto& gic = platform_->arch->gic;
        CHECK_FALSE(platform_->cpus.empty());
        CHECK_FALSE(platform_->ram.empty());
        CHECK_FALSE(gic.redistributors.empty());
        CHECK_FALSE(platform_->ram.overlaps(gic.distributor));
        for (const PhysRange& ram : platform_->ram) {
            CHECK(ram.end() <= AcpiMachine::end);
            CHECK_FALSE(platform_->devices.overlaps(ram));
        }
        for (const PhysRange& frames : gic.redistributors) {
            CHECK_FALSE(platform_->devices.overlaps(frames));
        }
        CHECK_FALSE(platform_->devices.overlaps(gic.distributor));
        for (const PciHost& host : platform_->pci_hosts) {
            CHECK(host.ecam.size == (u64{host.last_bus} - host.first_bus + 1) * MiB);
            CHECK_FALSE(platform_->ram.overlaps(host.ecam));
        }
        CHECK(platform_->tables->kept_size() < 4 * MiB);
    }

    std::unique_ptr<FullPlatform> platform_ = std::make_unique<FullPlatform>();
};

constexpr std::array<u8, 6> patterns{0x00, 0xff, 0x01, 0x80, 0x7f, 0x10};

/// Each byte of a piece, and each 2, 4 and 8 bytes, in turn become something else.
/// @param locate the piece in a machine
/// @param sum_up what is done with it afterwards
template <class Locate, class SumUp>
void mangle(Locate locate, SumUp sum_up) {
    AcpiMachine damaged = machine();
    Reader reader;
    const usize size = locate(damaged).size();
    REQUIRE(size > 0);
    for (const usize width : {1u, 2u, 4u, 8u}) {
        for (usize at = 0; at + width <= size; at++) {
            for (const u8 pattern : patterns) {
                const auto piece = locate(damaged);
                const AcpiMachine::Buffer before{piece.begin(), piece.end()};
                std::ranges::fill(piece.subspan(at, width), std::byte{pattern});
                sum_up(piece);
                (void)reader.read(damaged);
                std::ranges::copy(before, piece.begin());
            }
        }
    }
    CHECK(reader.read(damaged));
}

} // namespace

TEST_CASE("each field of each table, its checksum right and wrong") {
    for (const char* signature : {"APIC", "GTDT", "FACP", "MCFG", "SPCR"}) {
        CAPTURE(signature);
        // Found once: a table without its name is not found again.
        const auto locate = [signature, found = std::span<std::byte>{}](AcpiMachine& in) mutable {
            found = found.empty() ? in.table(signature) : found;
            return found;
        };
        mangle(locate, AcpiMachine::sum_up);
    }
    const auto root = [found = std::span<std::byte>{}](AcpiMachine& in) mutable {
        found = found.empty() ? in.root_table() : found;
        return found;
    };
    mangle(root, AcpiMachine::sum_up);
    mangle(root, [](std::span<std::byte>) {});
    mangle([](AcpiMachine& in) { return in.root_pointer(); },
           [](std::span<std::byte> pointer) {
               acpi::set_checksum(pointer.first(acpi::rsdp_size_1_0),
                                  offsetof(acpi::Rsdp, checksum));
               acpi::set_checksum(pointer, offsetof(acpi::Rsdp, extended_checksum));
           });
}

TEST_CASE("each field of the EFI memory map, system table and configuration table") {
    for (const u64 at :
         {AcpiMachine::map_at, AcpiMachine::system_table_at, AcpiMachine::configuration_at}) {
        CAPTURE(at);
        mangle([at](AcpiMachine& in) { return std::span{in.blocks()[at]}; },
               [](std::span<std::byte>) {});
    }
}

TEST_CASE("each byte of the small DTB") {
    mangle([](AcpiMachine& in) { return std::span{in.dtb()}; }, [](std::span<std::byte>) {});
}

TEST_CASE("10,000 sets of tables with seeded damage") {
    Reader reader;
    u32 described = 0;
    for (u32 seed = 0; seed < 10'000; seed++) {
        CAPTURE(seed);
        std::mt19937 random{seed};
        AcpiMachine damaged = machine();
        const std::array<std::span<std::byte>, 10> pieces{
            damaged.table("APIC"),
            damaged.table("GTDT"),
            damaged.table("FACP"),
            damaged.table("MCFG"),
            damaged.table("SPCR"),
            damaged.root_table(),
            damaged.root_pointer(),
            damaged.blocks()[AcpiMachine::map_at],
            damaged.blocks()[AcpiMachine::system_table_at],
            damaged.blocks()[AcpiMachine::configuration_at]};
        // Up to 4 places, mostly in tables: these are what lets the most through.
        for (u32 places = 1 + random() % 4; places > 0; places--) {
            const usize which = random() % (random() % 4 == 0 ? pieces.size() : 5);
            const auto piece = pieces[which];
            const usize width = usize{1} << random() % 4;
            const usize at = random() % (piece.size() - width + 1);
            for (usize i = 0; i < width; i++) {
                piece[at + i] = static_cast<std::byte>(random());
            }
            if (which < 6 && random() % 4 != 0) {
                AcpiMachine::sum_up(piece);
            }
        }
        described += reader.read(damaged) ? 1 : 0;
    }
    // Neither is all of the damage seen, nor is all of it harmless.
    CHECK(described > 500);
    CHECK(described < 9'500);
}
