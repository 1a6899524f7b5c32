// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/platform/dtb/fdt.hpp"
#include "hyp/types.hpp"

#include <optional>
#include <string_view>

namespace baton {

/// The section table of a PE32+ file that lies in memory as it lies on disk: Microsoft's PE format,
/// sections 2 to 4. The file is whoever made it's: nothing in it is believed.
class SectionTable {
  public:
    /// A section whose bytes are at one offset in the file and in memory.
    struct Section {
        std::string_view name; ///< at most 8 characters
        u64 offset;            ///< bytes from the file's begin
        u64 size;              ///< bytes, without what fills the last page
    };

    /// Nothing: there is no PE header in `head`, or its table does not end there.
    /// @param head the file's first bytes, at least as far as the table goes
    static std::optional<SectionTable> open(Bytes head);

    u32 size() const { return count_; }
    /// Nothing for one that lies at two offsets, or is empty, or ends beyond 4 GiB.
    /// @param at below size()
    std::optional<Section> operator[](u32 at) const;

  private:
    SectionTable(Bytes table, u32 count) : table_{table}, count_{count} {}

    Bytes table_;
    u32 count_;
};

} // namespace baton
