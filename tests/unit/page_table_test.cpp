// SPDX-License-Identifier: BSD-2-Clause
#include "hyp/memory/page_table.hpp"
#include "tests/unit/page_table_tape.hpp"
#include "tests/unit/page_table_walk.hpp"

namespace baton {
namespace {

using arm64::GuestMemory;
using arm64::Stage2Format;
using test::Tape;
using test::TapedMemory;
using test::Walk;

constexpr u64 pa_40 = 2;
constexpr u64 pa_44 = 4;
constexpr u64 pa_48 = 5;

using Table = PageTable<Stage2Format, TapedMemory<GuestAddr>>;

struct Fixture {
    explicit Fixture(u64 pa_range = pa_40, u64 end = 1 * GiB)
        : format{Stage2Format::choose(pa_range, {end}).value()}, tape{format.root_level()},
          table{format, TapedMemory<GuestAddr>{tape}} {
        REQUIRE(table.reset());
    }

    void map(u64 begin, u64 size, u64 output, GuestMemory memory = GuestMemory::ram) {
        REQUIRE(table.map({{begin}, size}, {output}, memory));
        tape.check_settled();
    }
    void unmap(u64 begin, u64 size) {
        REQUIRE(table.unmap({{begin}, size}));
        tape.check_settled();
    }
    std::optional<Walk::Leaf> walk(u64 address) const {
        return Walk::of(format, table.root())(address);
    }
    /// The level that translates `address` to `output`, by hardware and by lookup(); 9: none.
    unsigned level(u64 address, u64 output) const {
        const auto hardware = walk(address);
        const auto software = table.lookup({address});
        REQUIRE(hardware.has_value() == software.has_value());
        if (!hardware) {
            return 9;
        }
        CHECK(hardware->output == output);
        CHECK(software->output.value == output);
        CHECK(hardware->level == software->level);
        return hardware->level;
    }
    bool is_mapped(u64 address) const {
        CHECK(walk(address).has_value() == table.lookup({address}).has_value());
        return walk(address).has_value();
    }

    Stage2Format format;
    Tape tape;
    Table table;
};

} // namespace

TEST_SUITE("page table") {
    TEST_CASE("the largest leaves that fit") {
        Fixture f;
        SUBCASE("1 GiB") {
            f.map(1 * GiB, 2 * GiB, 5 * GiB);
            CHECK(f.level(1 * GiB, 5 * GiB) == 1);
            CHECK(f.level(3 * GiB - 1, 7 * GiB - 1) == 1);
            CHECK(f.tape.tables_in_use() == 1);
        }
        SUBCASE("2 MiB where the output is not 1 GiB-aligned") {
            f.map(1 * GiB, 1 * GiB, 2 * MiB);
            CHECK(f.level(1 * GiB, 2 * MiB) == 2);
            CHECK(f.tape.tables_in_use() == 2);
        }
        SUBCASE("4 KiB where the output is not 2 MiB-aligned") {
            f.map(0, 2 * MiB, 4 * KiB);
            CHECK(f.level(0x1234, 0x2234) == 3);
            CHECK(f.tape.tables_in_use() == 3);
        }
        SUBCASE("each where it fits, in one range") {
            const u64 begin = 1 * GiB - 2 * MiB - 4 * KiB;
            const u64 end = 2 * GiB + 2 * MiB + 4 * KiB;
            f.map(begin, end - begin, begin);
            CHECK_FALSE(f.is_mapped(begin - 1));
            CHECK(f.level(begin, begin) == 3);
            CHECK(f.level(begin + 4 * KiB, begin + 4 * KiB) == 2);
            CHECK(f.level(1 * GiB, 1 * GiB) == 1);
            CHECK(f.level(2 * GiB, 2 * GiB) == 2);
            CHECK(f.level(2 * GiB + 2 * MiB, 2 * GiB + 2 * MiB) == 3);
            CHECK_FALSE(f.is_mapped(end));
        }
    }

    TEST_CASE("level 0 holds tables only") {
        Fixture f{pa_48, u64{1} << 48};
        f.map(0, 1024 * GiB, 0);
        CHECK(f.format.root_level() == 0);
        CHECK(f.level(0, 0) == 1);
        CHECK(f.level(1024 * GiB - 1, 1024 * GiB - 1) == 1);
        CHECK(f.tape.tables_in_use() == 3);
    }

    TEST_CASE("a concatenated root is walked as one table") {
        struct Geometry {
            u64 pa_range;
            u64 end;
            usize tables;
        };
        for (const auto [pa_range, end, tables] :
             {Geometry{pa_40, 1024 * GiB, 2}, Geometry{pa_44, 8192 * GiB, 16}}) {
            CAPTURE(tables);
            Fixture f{pa_range, end};
            REQUIRE(f.format.root_level() == 1);
            CHECK(f.tape.tables_in_use() == tables);
            CHECK(f.table.root().is_aligned(tables * page_size));
            // Across the border between two of the tables, and at the very end.
            f.map(511 * GiB, 2 * GiB, 511 * GiB);
            f.map(end - 2 * MiB, 2 * MiB, 2 * MiB, GuestMemory::device);
            CHECK(f.level(512 * GiB - 1, 512 * GiB - 1) == 1);
            CHECK(f.level(512 * GiB, 512 * GiB) == 1);
            CHECK(f.level(end - 1, 4 * MiB - 1) == 2);
            CHECK_FALSE(f.is_mapped(0));
            CHECK_FALSE(f.is_mapped(510 * GiB));
            CHECK_FALSE(f.table.lookup({end}).has_value());
        }
    }

    TEST_CASE("what is not whole pages or beyond the address size is refused") {
        Fixture f;
        const u64 size = f.format.input_size();
        const auto map = [&](u64 begin, u64 bytes, u64 output) {
            const auto done = f.table.map({{begin}, bytes}, {output}, GuestMemory::ram);
            return done ? std::nullopt : std::optional{done.error()};
        };
        CHECK(map(1, page_size, 0) == Error::bad_range);
        CHECK(map(0, 1, 0) == Error::bad_range);
        CHECK(map(0, page_size, 1) == Error::bad_range);
        CHECK(map(size, page_size, 0) == Error::bad_range);
        CHECK(map(0, size + page_size, 0) == Error::bad_range);
        CHECK(map(0, page_size, f.format.output_size()) == Error::bad_range);
        CHECK(map(~u64{0xfff}, 2 * page_size, 0) == Error::bad_range);
        CHECK_FALSE(f.table.unmap({{size}, page_size}).has_value());
        CHECK(f.tape.stores == 0);
        CHECK(map(size, 0, 0) == std::nullopt);
        CHECK(map(size - page_size, page_size, f.format.output_size() - page_size) == std::nullopt);
    }

    TEST_CASE("a hole in a large leaf splits only what it touches") {
        Fixture f;
        f.map(0, 4 * GiB, 0);
        const usize invalidations = f.tape.invalidations;
        f.unmap(1 * GiB + 2 * MiB, 4 * KiB);
        // The 1 GiB leaf, and what was unmapped: tables that are not linked yet need none.
        CHECK(f.tape.invalidations == invalidations + 2);
        CHECK(f.level(0, 0) == 1);
        CHECK(f.level(1 * GiB, 1 * GiB) == 2);
        CHECK_FALSE(f.is_mapped(1 * GiB + 2 * MiB));
        CHECK(f.level(1 * GiB + 2 * MiB + 4 * KiB, 1 * GiB + 2 * MiB + 4 * KiB) == 3);
        CHECK(f.level(1 * GiB + 4 * MiB, 1 * GiB + 4 * MiB) == 2);
        CHECK(f.level(2 * GiB, 2 * GiB) == 1);
        CHECK(f.tape.tables_in_use() == 3);
        SUBCASE("a whole leaf over it takes the tables back") {
            f.map(1 * GiB, 1 * GiB, 1 * GiB);
            CHECK(f.level(1 * GiB + 2 * MiB, 1 * GiB + 2 * MiB) == 1);
            CHECK(f.tape.tables_in_use() == 1);
        }
        SUBCASE("so does unmapping all that they translate") {
            f.unmap(1 * GiB, 1 * GiB);
            CHECK_FALSE(f.is_mapped(1 * GiB));
            CHECK(f.tape.tables_in_use() == 1);
        }
    }

    TEST_CASE("nothing is stored for what is so already") {
        Fixture f;
        f.map(1 * GiB, 1 * GiB, 3 * GiB, GuestMemory::device);
        const usize stores = f.tape.stores;
        f.map(1 * GiB, 1 * GiB, 3 * GiB, GuestMemory::device);
        f.map(1 * GiB + 6 * MiB, 4 * KiB, 3 * GiB + 6 * MiB, GuestMemory::device);
        f.unmap(5 * GiB + 4 * KiB, 4 * KiB);
        CHECK(f.tape.stores == stores);
        CHECK(f.tape.tables_in_use() == 1);
    }

    TEST_CASE("a new tree appears with one store of its root entry") {
        Fixture f;
        std::set<bool> seen;
        usize changes = 0;
        f.tape.on_store = [&] {
            const bool first = f.walk(4 * KiB).has_value();
            CHECK(first == f.walk(12 * KiB).has_value());
            changes += seen.insert(first).second;
        };
        f.map(4 * KiB, 12 * KiB, 0);
        CHECK(changes == 2);
    }

    TEST_CASE("clear_root leaves nothing, with as few stores as there can be") {
        Fixture f{pa_40, 1024 * GiB};
        f.map(0, 3 * GiB, 0);
        f.map(600 * GiB + 4 * KiB, 4 * KiB, 0);
        const usize stores = f.tape.stores;
        f.table.clear_root();
        CHECK(f.tape.stores == stores + 4);
        CHECK_FALSE(f.is_mapped(0));
        CHECK_FALSE(f.is_mapped(600 * GiB + 4 * KiB));
        SUBCASE("reset hands all tables back") {
            REQUIRE(f.table.reset());
            CHECK(f.tape.tables_in_use() == 2);
            f.map(0, 1 * GiB, 0);
            CHECK(f.level(5, 5) == 1);
        }
    }

    TEST_CASE("attributes come back from every level") {
        Fixture f;
        const auto attributes = [&](u64 address) { return f.table.lookup({address})->attributes; };
        for (const u64 size : {1 * GiB, 2 * MiB, 4 * KiB}) {
            f.map(1 * GiB, size, 1 * GiB, GuestMemory::device);
            CHECK(attributes(1 * GiB) == GuestMemory::device);
            f.map(1 * GiB, size, 1 * GiB, GuestMemory::ram);
            CHECK(attributes(1 * GiB) == GuestMemory::ram);
        }
    }

    TEST_CASE("too few tables: every address as before or as wanted, and none lost") {
        for (usize budget = 0;; budget++) {
            CAPTURE(budget);
            Fixture f;
            f.map(0, 2 * GiB, 0, GuestMemory::device);
            const usize before = f.tape.tables_in_use();
            f.tape.budget = budget;
            const u64 begin = 1 * GiB - 4 * KiB;
            const u64 end = 1 * GiB + 4 * MiB + 4 * KiB;
            const u64 output = 6 * MiB - 4 * KiB;
            const auto done = f.table.map({{begin}, end - begin}, {output}, GuestMemory::ram);
            f.tape.check_settled();
            for (const u64 address : {u64{0}, begin - 1, begin, 1 * GiB, 1 * GiB + 2 * MiB, end - 1,
                                      end, 2 * GiB, 3 * GiB}) {
                const auto leaf = f.walk(address);
                const bool inside = address >= begin && address < end;
                const bool as_before = address < 2 * GiB ? leaf && leaf->output == address : !leaf;
                const bool as_wanted = inside && leaf && leaf->output == address - begin + output;
                CHECK((as_wanted || (as_before && !(done && inside))));
            }
            if (done) {
                CHECK(f.tape.tables_in_use() > before);
                break;
            }
            CHECK(done.error() == Error::no_room);
        }
    }
}

} // namespace baton
