// SPDX-License-Identifier: BSD-2-Clause
#include "hyp/platform/dtb/fdt.hpp"

#include "hyp/platform/dtb/fdt_walk.hpp"
#include "hyp/platform/dtb/fdt_writer.hpp"
#include "tests/unit/platform/dtb.hpp"

#include <array>

using namespace baton;
using baton::test::Dtb;

namespace {

Fdt opened(const Dtb& dtb) {
    const auto fdt = Fdt::open(dtb);
    REQUIRE(fdt);
    return *fdt;
}

std::vector<std::byte> bytes(std::initializer_list<int> values) {
    std::vector<std::byte> result;
    for (int value : values) {
        result.push_back(static_cast<std::byte>(value));
    }
    return result;
}

/// The n-th structure tag of that kind, as an offset into the whole blob.
usize find_tag(const Dtb& dtb, u32 wanted, int n) {
    const void* fdt = Bytes(dtb).data();
    int next = 0;
    for (int offset = 0;; offset = next) {
        const u32 tag = fdt_next_tag(fdt, offset, &next);
        if (tag == wanted && n-- == 0) {
            return fdt_off_dt_struct(fdt) + static_cast<usize>(offset);
        }
        REQUIRE(next >= 0);
    }
}

} // namespace

TEST_CASE("cells are big-endian numbers of at most 64 bits") {
    const auto data = bytes({0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 9});
    CellReader reader{data};
    CHECK(reader.take(0) == 0);
    CHECK(reader.take(2) == 0x1'0000'0002);
    CHECK_FALSE(reader.take(3));
    CHECK_FALSE(reader.take(2));
    CHECK(reader.take(1) == 3);
    CHECK_FALSE(reader.take(1));
    CHECK_FALSE(reader.at_end());
}

TEST_CASE("ranges that wrap are refused") {
    const auto data = bytes({0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 1});
    CHECK_FALSE(CellReader{data}.take_range({2, 1}));
}

TEST_CASE("strings end with their NUL, not with the property") {
    const auto data = bytes({'a', 0, 0, 'b', 'c'});
    StringReader reader{data};
    CHECK(reader.take() == "a");
    CHECK(reader.take() == "");
    CHECK_FALSE(reader.take());
}

TEST_CASE("nodes are found by path and by alias") {
    const Dtb dtb = Dtb::load("board.dtb");
    const Fdt fdt = opened(dtb);
    const auto uart = fdt.find("serial0");
    REQUIRE(uart);
    CHECK(uart->name() == "serial@90000");
    CHECK(fdt.find("/soc/apb@1c000000/serial@90000") == uart);
    CHECK_FALSE(fdt.find("/soc/none"));
    CHECK_FALSE(fdt.find("none"));
    CHECK_FALSE(fdt.find(""));
    CHECK(fdt.root().name() == "");
}

TEST_CASE("properties") {
    const Dtb dtb = Dtb::load("board.dtb");
    const FdtNode uart = *opened(dtb).find("serial0");
    CHECK(uart.is_compatible("arm,primecell"));
    CHECK_FALSE(uart.is_compatible("arm"));
    CHECK_FALSE(uart.number("reg")); // two cells
    CHECK(uart.string("compatible") == "arm,pl011");
    CHECK(uart.string("none") == "");
    CHECK(uart.is_enabled());
    const FdtNode gic = *opened(dtb).find("/interrupt-controller@10000000");
    CHECK(gic.number("#interrupt-cells") == 3);
    CHECK(gic.phandle());
    CHECK(gic.child_cells() == CellCounts{1, 1});
    CHECK(uart.child_cells({5, 6}) == CellCounts{5, 6});
    CHECK(opened(dtb).reservation_count() == 1);
    CHECK(opened(dtb).reservation(0) == PhysRange{{0x8000'0000}, 0x10000});
}

TEST_CASE("the walk translates addresses through every bus") {
    const Dtb dtb = Dtb::load("board.dtb");
    const Fdt fdt = opened(dtb);
    std::vector<std::string> names;
    for (FdtWalk walk{fdt}; walk.next();) {
        const std::string name(walk.node().name());
        names.push_back(name);
        if (name == "serial@90000") {
            CHECK(walk.reg(0) == PhysRange{{0x1c08'0000}, 0x1000});
            CHECK(walk.parent().name() == "apb@1c000000");
        } else if (name == "far@90000000") {
            CHECK(walk.reg(0) == PhysRange{{0x40'1000'0000}, 0x2000});
        } else if (name == "outside@f0000" || name == "eeprom@50" || name == "core0") {
            CHECK_FALSE(walk.reg(0));
        } else if (name == "interrupt-controller@10000000") {
            CHECK(walk.reg(2) == PhysRange{{0x1020'0000}, 0x40000});
            CHECK_FALSE(walk.reg(4));
        } else if (name == "cpus") {
            walk.skip_children();
        }
    }
    const auto seen = [&](const char* name) { return std::ranges::count(names, name); };
    CHECK(seen("pcie@40000000") == 1);
    CHECK(seen("cpu@0") == 0);
    CHECK(seen("off") == 0);
    CHECK(seen("inner@40000") == 0);
    CHECK(seen("secure-uart@93000") == 0);
    CHECK(seen("bridge@0,0") == 1);
}

TEST_CASE("the walk ends at nodes that are nested too deep") {
    std::vector<std::byte> buffer(64 * 1024);
    FdtWriter writer{buffer};
    writer.begin_tree(0);
    constexpr int depth = 100;
    for (int i = 0; i < depth; i++) {
        writer.begin_node(i == 0 ? "" : "n");
    }
    for (int i = 0; i < depth; i++) {
        writer.end_node();
    }
    const auto size = writer.finish();
    REQUIRE(size);
    buffer.resize(*size);
    const auto fdt = Fdt::open(buffer);
    REQUIRE(fdt);
    FdtWalk walk{*fdt};
    int nodes = 0;
    while (walk.next()) {
        nodes++;
    }
    CHECK(walk.too_deep());
    CHECK(nodes == 32);
}

TEST_CASE("a damaged tree is refused") {
    const Dtb good = Dtb::load("board.dtb");
    Dtb bad = good;
    const auto refused = [&] {
        bad.bytes().shrink_to_fit();
        return !Fdt::open(bad);
    };
    REQUIRE_FALSE(refused());

    SUBCASE("nothing") { bad.bytes().clear(); }
    SUBCASE("half a header") { bad.bytes().resize(20); }
    SUBCASE("cut off") { bad.bytes().resize(bad.bytes().size() - 1); }
    SUBCASE("no magic number") { bad.bytes()[0] = std::byte{0}; }
    SUBCASE("version 16") { fdt_set_version(bad.data(), 16); }
    SUBCASE("structure beyond the end") {
        fdt_set_size_dt_struct(bad.data(), fdt_totalsize(bad.data()));
    }
    SUBCASE("structure off its alignment") {
        fdt_set_off_dt_struct(bad.data(), fdt_off_dt_struct(bad.data()) + 1);
    }
    SUBCASE("reservations without an end") {
        fdt_set_off_mem_rsvmap(bad.data(), align_down(fdt_totalsize(bad.data()), 8) - 16);
        bad.bytes()[bad.bytes().size() - 9] = std::byte{1};
    }
    SUBCASE("a property name outside the strings") { fdt_set_size_dt_strings(bad.data(), 4); }
    SUBCASE("a second root") {
        bad.bytes()[find_tag(bad, FDT_END, 0) + 3] = std::byte{FDT_BEGIN_NODE};
    }
    SUBCASE("a property behind a subnode") {
        // Take away the end of one node: all that follows moves into it.
        bad.bytes()[find_tag(bad, FDT_END_NODE, 0) + 3] = std::byte{FDT_NOP};
    }
    SUBCASE("one end too many") {
        bad.bytes()[find_tag(bad, FDT_PROP, 0) + 3] = std::byte{FDT_END_NODE};
    }
    CHECK(refused());
}

TEST_CASE("what is written is read back") {
    std::vector<std::byte> buffer(1024);
    FdtWriter writer{buffer};
    writer.add_reservation({{0x1000}, 0x2000});
    writer.begin_tree(7);
    writer.begin_node("");
    writer.cells("wide", 2, 0x1'2345'6789);
    writer.cells("narrow", 1, 42);
    writer.strings("texts", {"one", "", "three"});
    writer.property("empty", Bytes{});
    writer.begin_node("child");
    writer.end_node();
    writer.end_node();
    const auto size = writer.finish();
    REQUIRE(size);
    const auto fdt = Fdt::open(Bytes(buffer).first(*size));
    REQUIRE(fdt);
    CHECK(fdt_boot_cpuid_phys(fdt->data()) == 7);
    CHECK(fdt->reservation(0) == PhysRange{{0x1000}, 0x2000});
    CHECK(CellReader{*fdt->root().get("wide")}.take(2) == 0x1'2345'6789);
    CHECK(fdt->root().number("narrow") == 42);
    StringReader texts{*fdt->root().get("texts")};
    CHECK(texts.take() == "one");
    CHECK(texts.take() == "");
    CHECK(texts.take() == "three");
    CHECK(fdt->root().get("empty")->empty());
    CHECK(fdt->root().first_child()->name() == "child");
}

TEST_CASE("a full buffer is an error at the end, whatever was being written") {
    usize needed = 0;
    for (usize size = 0; size < 300; size++) {
        std::vector<std::byte> buffer(size);
        FdtWriter writer{buffer};
        writer.add_reservation({{0x1000}, 0x2000});
        writer.begin_tree(0);
        writer.begin_node("");
        writer.strings("text", {"something", "long"});
        writer.cells("cells", 2, 1);
        writer.begin_node("child");
        writer.end_node();
        writer.end_node();
        const auto result = writer.finish();
        if (result && needed == 0) {
            needed = *result;
        }
        CHECK(result.value_or(needed) == needed);
        CHECK(result.has_value() == (needed != 0 && size >= needed));
    }
    CHECK(needed > 0);
}
