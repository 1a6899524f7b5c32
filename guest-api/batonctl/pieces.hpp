// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "file.hpp"
#include "guest-api/baton.h"
#include "options.hpp"

#include <optional>

namespace batonctl {

struct Module {
    Bytes bytes;
    std::string arguments;
    bool is_kernel;
};

/// All that a load consists of; an initrd, a command line and modules need not be there.
struct Pieces {
    baton_load_kind kind;
    Bytes kernel;
    std::optional<File> initrd;
    std::string command_line;
    std::vector<Module> modules;
    baton_u32 vm = 0; ///< whose next kernel it is; 0: this VM's

    baton_load described() const;
    std::uint64_t size() const; ///< bytes of all
};

/// Opens and reads what the options name: all but the initrd, which may be big.
Outcome<Pieces> read_pieces(const Options& options);

bool is_image(std::span<const std::byte> file);

} // namespace batonctl
