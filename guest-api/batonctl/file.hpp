// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "descriptor.hpp"
#include "image.hpp"
#include "outcome.hpp"

#include <cstdint>
#include <string>

namespace batonctl {

/// A regular file that is read from its beginning to its end.
class File {
  public:
    /// @param what it is to the user, for the sentences: "kernel"
    static Outcome<File> open(const std::string& path, const char* what);

    std::uint64_t size() const { return size_; }
    /// Fills the buffer. Fails where the file ends before that.
    Outcome<> read(std::span<std::byte> buffer);
    Outcome<Bytes> read_all();

  private:
    File(Descriptor file, std::string name, std::uint64_t size)
        : file_(std::move(file)), name_(std::move(name)), size_(size) {}

    Descriptor file_;
    std::string name_; ///< "the kernel /boot/vmlinuz"
    std::uint64_t size_;
};

/// The running kernel's command line, without what is about that kernel's own file.
Outcome<std::string> running_command_line();
/// The same of a given text.
std::string without_boot_image(std::string_view command_line);

} // namespace batonctl
