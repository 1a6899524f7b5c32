// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "arch/arm64/platform/acpi/tables.hpp"

#include <algorithm>
#include <cstring>

/// Walks over an MADT's entries of one kind.
namespace baton::arm64::acpi {

/// Calls visit(entry) for each that is long enough, until one returns false. What a shorter entry
/// of an older table lacks reads as 0.
/// @param least bytes that such an entry has at least
/// Returns false if an entry does not fit into the table, or is too short.
template <class Entry, class Visitor>
bool for_each_entry(Bytes madt, MadtType type, usize least, Visitor visit) {
    bool all_long_enough = true;
    const bool fit = baton::acpi::for_each_madt_entry(madt, [&](u8 each, Bytes bytes) {
        if (each != static_cast<u8>(type)) {
            return true;
        }
        all_long_enough = bytes.size() >= least;
        if (!all_long_enough) {
            return false;
        }
        Entry entry{};
        std::memcpy(&entry, bytes.data(), std::min(bytes.size(), sizeof(entry)));
        return visit(entry);
    });
    return fit && all_long_enough;
}

template <class Visitor>
bool for_each_gicc(Bytes madt, Visitor visit) {
    return for_each_entry<MadtGicc>(madt, MadtType::gicc, gicc_size_5_1, visit);
}

} // namespace baton::arm64::acpi
