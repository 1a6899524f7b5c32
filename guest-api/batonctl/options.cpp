// SPDX-License-Identifier: BSD-2-Clause
#include "options.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

namespace batonctl {
namespace {

using std::string_view;

struct Word {
    string_view name;
    Action action;
};

constexpr std::array commands{
    Word{"load", Action::load},     Word{"exec", Action::exec},   Word{"unload", Action::unload},
    Word{"status", Action::status}, Word{"trace", Action::trace}, Word{"log", Action::log},
    Word{"help", Action::help},
};

/// kexec's spellings of the commands.
constexpr std::array kexec_commands{
    Word{"-l", Action::load},   Word{"--load", Action::load},
    Word{"-e", Action::exec},   Word{"--exec", Action::exec},
    Word{"-u", Action::unload}, Word{"--unload", Action::unload},
    Word{"-S", Action::status}, Word{"--status", Action::status},
    Word{"-h", Action::help},   Word{"--help", Action::help},
};

template <std::size_t count>
const Word* find(const std::array<Word, count>& words, string_view name) {
    const auto found = std::ranges::find(words, name, &Word::name);
    return found == words.end() ? nullptr : &*found;
}

std::unexpected<Failure> misuse(std::string sentence) {
    return fail(Exit::usage, std::move(sentence) + " `batonctl --help` shows what can be said.");
}

/// Walks the arguments; an option's value is behind "=" or is the next argument.
class Parser {
  public:
    explicit Parser(std::span<const char* const> arguments)
        : arguments_(arguments.begin(), arguments.end()) {}

    Outcome<Options> parse() {
        if (arguments_.empty()) {
            return misuse("There is no command.");
        }
        while (at_ < arguments_.size()) {
            if (Outcome<> taken = take(arguments_[at_++]); !taken) {
                return std::unexpected(taken.error());
            }
        }
        return checked();
    }

  private:
    Outcome<> take(string_view argument) {
        if (no_more_options_ || argument.empty() || argument[0] != '-' || argument == "-") {
            return take_word(argument);
        }
        if (argument == "--") {
            no_more_options_ = true;
            return {};
        }
        if (const Word* word = find(kexec_commands, argument)) {
            options_.staged_is_1 = argument == "-S";
            return take_action(word->action, argument);
        }
        return take_option(argument);
    }

    Outcome<> take_word(string_view argument) {
        if (!action_seen_) {
            const Word* word = find(commands, argument);
            return word ? take_action(word->action, argument)
                        : misuse("'" + std::string(argument) + "' is no command.");
        }
        return set(options_.kernel, argument, "kernel");
    }

    Outcome<> take_action(Action action, string_view name) {
        if (action_seen_ && action != Action::help) {
            return misuse("'" + std::string(name) + "' is a second command: give one at a time.");
        }
        action_seen_ = true;
        options_.action = action;
        return {};
    }

    Outcome<> take_option(string_view argument) {
        const std::size_t equals = argument.find('=');
        const string_view name = argument.substr(0, equals);
        if (name == "--kernel") {
            return take_value(options_.kernel, argument, equals, "kernel");
        }
        if (name == "--initrd" || name == "--ramdisk") {
            return take_value(options_.initrd, argument, equals, "initrd");
        }
        if (name == "--append" || name == "--command-line") {
            append_seen_ = true;
            return take_value(options_.append, argument, equals, "command line");
        }
        if (name == "--module") {
            return take_module(argument, equals);
        }
        if (argument == "--host") {
            options_.host = true;
        } else if (argument == "--reuse-cmdline") {
            options_.reuse_command_line = true;
        } else if (argument == "--now") {
            options_.now = true;
        } else if (argument == "--json") {
            options_.json = true;
        } else {
            return misuse("'" + std::string(argument) + "' is no option.");
        }
        return {};
    }

    Outcome<> take_value(std::string& value, string_view argument, std::size_t equals,
                         const char* what) {
        if (equals != string_view::npos) {
            return set(value, argument.substr(equals + 1), what);
        }
        if (at_ == arguments_.size()) {
            return misuse("'" + std::string(argument) + "' wants a value behind it.");
        }
        return set(value, arguments_[at_++], what);
    }

    /// FILE[:ARGUMENTS]
    Outcome<> take_module(string_view argument, std::size_t equals) {
        std::string value;
        if (Outcome<> taken = take_value(value, argument, equals, "module"); !taken) {
            return taken;
        }
        const std::size_t colon = value.find(':');
        const std::string arguments = colon == value.npos ? "" : value.substr(colon + 1);
        options_.modules.push_back({.file = value.substr(0, colon), .arguments = arguments});
        return {};
    }

    static Outcome<> set(std::string& value, string_view given, const char* what) {
        if (!value.empty()) {
            return misuse("'" + std::string(given) + "' is a second " + what + ".");
        }
        value = given;
        return {};
    }

    Outcome<Options> checked() {
        const bool load = options_.action == Action::load;
        if (!action_seen_) {
            return misuse("There is no command.");
        }
        if (options_.action == Action::help) {
            return options_;
        }
        if (load && options_.kernel.empty()) {
            return misuse("There is no kernel to load.");
        }
        if (!load && (!options_.kernel.empty() || !options_.initrd.empty() || append_seen_ ||
                      options_.reuse_command_line)) {
            return misuse("A kernel, an initrd and a command line belong to load.");
        }
        if (!load && !options_.modules.empty()) {
            return misuse("Modules belong to load.");
        }
        if (!options_.modules.empty() && !options_.host) {
            return misuse("Modules are for an image in the place of Baton: say --host too.");
        }
        if (options_.host && !load && options_.action != Action::exec) {
            return misuse("--host belongs to load and exec.");
        }
        if (options_.host && options_.now) {
            return misuse("--now is not for --host: all devices want to be shut down first.");
        }
        if (options_.now && options_.action != Action::exec) {
            return misuse("--now belongs to exec.");
        }
        if (options_.json && options_.action != Action::trace) {
            return misuse("--json belongs to trace.");
        }
        return options_;
    }

    std::vector<string_view> arguments_;
    std::size_t at_ = 0;
    Options options_;
    bool action_seen_ = false;
    bool append_seen_ = false;
    bool no_more_options_ = false;
};

} // namespace

Outcome<Options> parse(std::span<const char* const> arguments) { return Parser(arguments).parse(); }

const char* const help_text =
    R"(batonctl: loads the next kernel into Baton, the hypervisor below this kernel, and starts it.

    batonctl load --kernel FILE [--initrd FILE] [--append STRING] [--reuse-cmdline]
        Stages FILE: an arm64 Image, plain, gzip'd, or in an EFI zboot file (vmlinuz as Debian,
        Ubuntu and Fedora ship it). --append gives its command line; --reuse-cmdline takes the
        running kernel's, and puts what --append gives behind it. The running kernel goes on; an
        image that was staged before is dropped. From now on `reboot` is a fast swap to it.
    batonctl exec
        Starts the staged image now, through the kernel's restart: disks are synced and devices
        shut down, but no service is stopped. `reboot` does that too.
    batonctl exec --now
        Starts it at once. Nothing is synced or shut down: what is not on the disk is lost.
    batonctl load --host --kernel FILE [--initrd FILE] [--append STRING]
                  [--module FILE[:ARGUMENTS]]...
        Stages FILE to take the place of Baton itself and of all above it, at EL2, where Linux has KVM.
        If FILE is a baton.img, --module gives it its guests: a kernel with its command line, its
        initrd, the next kernel.
    batonctl exec --host
        Starts it, as exec does.
    batonctl unload
        Drops the staged image: `reboot` is a real reset again.
    batonctl status
        CPUs, slots, what is staged, what the last handover took.
    batonctl trace [--json]
        The last handover, CPU by CPU and step by step. --json: trace events for Chrome or Perfetto.
    batonctl log
        Baton's own messages.

kexec's spellings are understood: -l FILE (--load), --initrd=, --ramdisk=, --append=,
--command-line=, --reuse-cmdline, -e (--exec), -u (--unload), -S (--status; its exit status is 1
if an image is staged, and 0 if not, as kexec's).

Exit status:
    0  done
    1  it failed: a file, its format, its size; or Baton refuses, and the message says why
    2  the command line makes no sense
    3  there is no /dev/baton (module not loaded), or no Baton below
    4  not allowed: CAP_SYS_BOOT, kernel.kexec_load_disabled, lockdown, baton.load=off
    5  nothing is staged that could be started
    6  busy: another load is in progress
)";

} // namespace batonctl
