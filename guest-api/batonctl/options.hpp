// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "outcome.hpp"

#include <span>
#include <string>

namespace batonctl {

enum class Action { help, load, exec, unload, status, trace, log };

/// What the user asked for.
struct Options {
    Action action = Action::help;
    std::string kernel;              ///< load
    std::string initrd;              ///< load; empty: none
    std::string append;              ///< load
    bool reuse_command_line = false; ///< load: the running kernel's command line, then `append`
    bool now = false;                ///< exec: not through the kernel's restart
    bool json = false;               ///< trace
    bool staged_is_1 = false;        ///< status: exit status 1 if an image is staged, as `kexec -S`
};

/// Understands batonctl's own commands and kexec's spellings. @param arguments without the name
Outcome<Options> parse(std::span<const char* const> arguments);

extern const char* const help_text;

} // namespace batonctl
