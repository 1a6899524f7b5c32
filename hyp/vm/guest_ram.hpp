// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/address.hpp"
#include "hyp/result.hpp"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <span>
#include <type_traits>

/// A guest's memory, as a hypercall's arguments name it. The guest may change what is
/// there at any time: it is read once, and what was read is what counts.
namespace baton {

class Vm;

/// Where [address, address + size) is. bad_address: it wraps, or a byte of it is not RAM of the
/// running kernel (but Baton's, a device's, the spare slot's, nobody's).
Result<PhysRange> guest_ram(const Vm& vm, GuestAddr address, u64 size);

Result<> read_guest(const Vm& vm, GuestAddr address, std::span<std::byte> to);
Result<> write_guest(const Vm& vm, GuestAddr address, std::span<const std::byte> from);

/// A struct of the ABI.
/// @param size the caller's idea of it: the struct's own, invalid otherwise
template <class T>
Result<T> read_struct(const Vm& vm, GuestAddr address, u64 size) {
    static_assert(std::is_trivially_copyable_v<T>);
    if (size != sizeof(T)) {
        return std::unexpected(Error::invalid);
    }
    T value;
    const auto read = read_guest(vm, address, std::as_writable_bytes(std::span{&value, 1}));
    return read ? Result<T>{value} : std::unexpected(read.error());
}

/// Writes as much of a struct as the caller has room for.
/// @return bytes written
/// Errors: bad_address; invalid (room for less than the first field).
template <class T>
Result<u64> write_struct(const Vm& vm, GuestAddr address, u64 room, const T& value) {
    static_assert(std::is_trivially_copyable_v<T>);
    if (room < sizeof(u64)) {
        return std::unexpected(Error::invalid);
    }
    const u64 size = std::min<u64>(room, sizeof(T));
    const auto written = write_guest(
        vm, address, std::as_bytes(std::span{&value, 1}).first(static_cast<usize>(size)));
    return written ? Result<u64>{size} : std::unexpected(written.error());
}

} // namespace baton
