// SPDX-License-Identifier: BSD-2-Clause
#include "options_check.hpp"

namespace batonctl {
namespace {

Outcome<> check_load(const Options& options, bool append_given) {
    const bool load = options.action == Action::load;
    if (load && options.kernel.empty()) {
        return misuse("There is no kernel to load.");
    }
    if (!load && (!options.kernel.empty() || !options.initrd.empty() || append_given ||
                  options.reuse_command_line)) {
        return misuse("A kernel, an initrd and a command line belong to load.");
    }
    if (!load && !options.modules.empty()) {
        return misuse("Modules belong to load.");
    }
    if (!options.modules.empty() && !options.host) {
        return misuse("Modules are for an image in the place of Baton: say --host too.");
    }
    return {};
}

Outcome<> check_kind(const Options& options) {
    const Action action = options.action;
    if (options.host && action != Action::load && action != Action::exec) {
        return misuse("--host belongs to load and exec.");
    }
    if (options.host && options.now) {
        return misuse("--now is not for --host: all devices want to be shut down first.");
    }
    if (options.now && action != Action::exec) {
        return misuse("--now belongs to exec.");
    }
    if (options.json && action != Action::trace && action != Action::status) {
        return misuse("--json belongs to status and trace.");
    }
    return {};
}

Outcome<> check_vm(const Options& options) {
    const Action action = options.action;
    const bool is_any = !options.vm.empty();
    if (is_power(action) && !is_any) {
        return misuse("There is no VM to start or to stop: give its name or its number.");
    }
    if (options.timeout && !is_power(action) && !(action == Action::exec && is_any)) {
        return misuse("--timeout belongs to start, to stop, and to exec of another VM.");
    }
    if (is_any && !is_power(action) && action != Action::load && action != Action::exec &&
        action != Action::unload) {
        return misuse("--vm belongs to load, exec and unload.");
    }
    if (is_any && options.host) {
        return misuse("--host is for an image in the place of Baton, and so for no VM's.");
    }
    if (is_any && options.now) {
        return misuse("--now is for this VM's own kernel: another's is always started at once.");
    }
    if (is_any && options.reuse_command_line) {
        return misuse("--reuse-cmdline would take this kernel's command line, which is not that of "
                      "another VM's: give one with --append.");
    }
    return {};
}

} // namespace

Outcome<> check(const Options& options, bool append_given) {
    if (options.action == Action::help) {
        return {};
    }
    Outcome<> outcome = check_load(options, append_given);
    outcome = then(std::move(outcome), [&] { return check_kind(options); });
    return then(std::move(outcome), [&] { return check_vm(options); });
}

std::unexpected<Failure> misuse(std::string sentence) {
    return fail(Exit::usage, std::move(sentence) + " `batonctl --help` shows what can be said.");
}

} // namespace batonctl
