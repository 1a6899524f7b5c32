// SPDX-License-Identifier: BSD-2-Clause
#include "hyp/vm/guest_ram.hpp"

#include "hyp/arch.hpp"

#include <cstring>

namespace baton {

Result<PhysRange> guest_ram(const Vm& vm, GuestAddr address, u64 size) {
    const auto range = GuestRange::make(address, size);
    if (!range) {
        return std::unexpected(Error::bad_address);
    }
    for (u64 page = align_down(address.value, page_size); page < range->end().value;
         page += page_size) {
        if (!arch::is_guest_memory(vm, {page})) {
            return std::unexpected(Error::bad_address);
        }
    }
    return PhysRange{to_phys(range->begin), size};
}

Result<> read_guest(const Vm& vm, GuestAddr address, std::span<std::byte> to) {
    const auto from = guest_ram(vm, address, to.size());
    if (!from) {
        return std::unexpected(from.error());
    }
    std::memcpy(to.data(), arch::bytes(from->begin), to.size());
    return {};
}

Result<> write_guest(const Vm& vm, GuestAddr address, std::span<const std::byte> from) {
    const auto to = guest_ram(vm, address, from.size());
    if (!to) {
        return std::unexpected(to.error());
    }
    std::memcpy(arch::bytes(to->begin), from.data(), from.size());
    return {};
}

} // namespace baton
