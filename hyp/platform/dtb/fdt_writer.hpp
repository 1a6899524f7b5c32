// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/platform/dtb/fdt.hpp"
#include "hyp/result.hpp"
#include "hyp/types.hpp"

#include <initializer_list>
#include <span>
#include <string_view>

namespace baton {

/// Puts big-endian numbers into the value of a property.
class CellWriter {
  public:
    explicit CellWriter(std::span<std::byte> bytes) : rest_{bytes} {}
    /// What does not fit any more is dropped.
    void put(u32 cells, u64 value);

  private:
    std::span<std::byte> rest_;
};

/// Writes a DTB from front to end: reservations, then begin_tree, then nodes with their properties
/// before their children. The first error sticks and `finish` reports it, so the calls before need
/// no check each. Names end in NUL, as those that come out of a DTB do.
class FdtWriter {
  public:
    /// @param buffer 8-byte aligned
    explicit FdtWriter(std::span<std::byte> buffer);

    const std::byte* begin() const { return buffer_.data(); }

    void add_reservation(PhysRange range);
    void begin_tree(u32 boot_cpu);
    void begin_node(const char* name);
    void end_node();

    /// The value, zeroed, to be filled in; empty after an error. It stays where it is to the end.
    std::span<std::byte> property(const char* name, usize size);
    void property(const char* name, Bytes value);
    /// Returns where the text is, with its NUL; empty after an error.
    std::span<std::byte> string(const char* name, std::string_view text);
    void strings(const char* name, std::initializer_list<std::string_view> texts);
    void cells(const char* name, u32 count, u64 value);

    /// The size of the whole in bytes. Errors: no_room.
    Result<usize> finish();

  private:
    bool check(int result);

    std::span<std::byte> buffer_;
    bool failed_ = false;
};

} // namespace baton
