// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/platform/dtb/fdt.hpp"
#include "hyp/types.hpp"

#include <optional>
#include <string_view>

namespace baton {

/// Takes files off the front of a cpio archive in the format that Linux takes as an initramfs
/// ("newc": Documentation/driver-api/early-userspace/buffer-format.rst). Several archives may lie
/// one behind the other, with zeros between them, as loaders leave those of several files. The
/// bytes are whoever made them's: nothing in them is believed.
class ArchiveReader {
  public:
    struct File {
        std::string_view name; ///< without "./" in front
        u64 offset;            ///< of its bytes, from the archive's begin
        u64 size;              ///< bytes
    };

    explicit ArchiveReader(Bytes archive) : archive_{archive} {}

    /// The next regular file. Nothing at the end, and where the archive is damaged.
    std::optional<File> take();
    /// After the last file: was that the end of the archive, or is it damaged or cut off?
    bool is_whole() const { return whole_; }

    /// Does it begin as one?
    static bool is_archive(Bytes bytes);

  private:
    struct Entry;
    std::optional<Entry> take_entry();
    void skip_zeros();

    Bytes archive_;
    u64 at_ = 0;
    bool whole_ = true;
};

} // namespace baton
