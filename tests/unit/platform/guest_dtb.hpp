// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/platform/guest/guest_dtb.hpp"
#include "tests/unit/platform/dtb.hpp"

/// DTBs that are built for guests.
namespace baton::test {

struct Built {
    std::vector<std::byte> bytes;
    GuestDtb fields;

    Fdt fdt() const {
        const auto opened = Fdt::open(bytes);
        REQUIRE(opened);
        return *opened;
    }
    FdtNode node(std::string_view path) const {
        const auto found = fdt().find(path);
        REQUIRE_MESSAGE(found, std::string(path));
        return *found;
    }
};

inline Built build(const Dtb& firmware, const GuestRequest& request) {
    Built built{.bytes = std::vector<std::byte>(max_dtb_size), .fields = {}};
    REQUIRE(build_guest_dtb(firmware, request, built.bytes, built.fields));
    built.bytes.resize(built.fields.size);
    built.bytes.shrink_to_fit();
    return built;
}

inline std::vector<PhysRange> reg(FdtNode node, CellCounts cells = {2, 2}) {
    std::vector<PhysRange> ranges;
    CellReader reader{node.get("reg").value_or(Bytes{})};
    while (const auto next = reader.take_range(cells)) {
        ranges.push_back(*next);
    }
    return ranges;
}

} // namespace baton::test
