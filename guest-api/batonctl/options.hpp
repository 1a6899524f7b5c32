// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "outcome.hpp"

#include <chrono>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace batonctl {

enum class Action { help, load, exec, unload, start, stop, status, trace, log };

/// A boot module of an image that takes Baton's place: a hypervisor finds it in /chosen.
struct ModuleOption {
    std::string file;
    std::string arguments;
};

/// What the user asked for.
struct Options {
    Action action = Action::help;
    std::string kernel;                ///< load
    std::string initrd;                ///< load; empty: none
    std::string append;                ///< load
    bool reuse_command_line = false;   ///< load: the running kernel's command line, then `append`
    bool host = false;                 ///< load, exec: in the place of Baton itself
    std::vector<ModuleOption> modules; ///< load with `host`
    bool now = false;                  ///< exec: not through the kernel's restart
    std::string vm; ///< load, exec, unload, start, stop: another VM's name or number; empty: none
    std::optional<std::chrono::seconds> timeout; ///< exec of another VM, start, stop
    bool json = false;                           ///< status, trace
    bool staged_is_1 = false; ///< status: exit status 1 if an image is staged, as `kexec -S`
};

/// Understands batonctl's own commands and kexec's spellings. @param arguments without the name
Outcome<Options> parse(std::span<const char* const> arguments);

extern const char* const help_text;

} // namespace batonctl
