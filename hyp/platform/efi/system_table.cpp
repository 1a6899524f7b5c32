// SPDX-License-Identifier: BSD-2-Clause
#include "hyp/platform/efi/system_table.hpp"

namespace baton::efi {

bool is_system_table(const SystemTable& table) {
    return table.header.signature == system_table_signature &&
           table.header.header_size >= sizeof(SystemTable) && table.header.header_size <= page_size;
}

std::optional<u64> ConfigurationTable::find(const Guid& vendor) const {
    for (usize i = 0; i < size(); i++) {
        const ConfigurationEntry entry = (*this)[i];
        if (entry.vendor == vendor) {
            return entry.table != 0 ? std::optional{entry.table} : std::nullopt;
        }
    }
    return std::nullopt;
}

} // namespace baton::efi
