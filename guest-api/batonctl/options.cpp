// SPDX-License-Identifier: BSD-2-Clause
#include "options.hpp"

#include "options_check.hpp"

#include <algorithm>
#include <array>
#include <charconv>
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
    Word{"load", Action::load},   Word{"exec", Action::exec}, Word{"unload", Action::unload},
    Word{"start", Action::start}, Word{"stop", Action::stop}, Word{"status", Action::status},
    Word{"trace", Action::trace}, Word{"log", Action::log},   Word{"help", Action::help},
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

constexpr unsigned longest_timeout = 24 * 60 * 60; // seconds

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
        if (!action_seen_) {
            return misuse("There is no command.");
        }
        return then(check(options_, append_seen_), [&] { return Outcome<Options>(options_); });
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
        return is_power(options_.action) ? set(options_.vm, argument, "VM")
                                         : set(options_.kernel, argument, "kernel");
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
        if (name == "--vm") {
            return take_vm(argument, equals);
        }
        if (name == "--timeout") {
            return take_timeout(argument, equals);
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

    /// An empty one would be this VM.
    Outcome<> take_vm(string_view argument, std::size_t equals) {
        Outcome<> taken = take_value(options_.vm, argument, equals, "VM");
        return taken && options_.vm.empty() ? misuse("--vm wants a VM's name or number.") : taken;
    }

    Outcome<> take_timeout(string_view argument, std::size_t equals) {
        std::string value;
        if (Outcome<> taken = take_value(value, argument, equals, "timeout"); !taken) {
            return taken;
        }
        unsigned seconds = 0;
        const char* const end = value.data() + value.size();
        const auto [rest, error] = std::from_chars(value.data(), end, seconds);
        if (error != std::errc{} || rest != end || seconds == 0 || seconds > longest_timeout) {
            return misuse("'" + value + "' is no timeout: give seconds, 1 to 86400.");
        }
        options_.timeout = std::chrono::seconds(seconds);
        return {};
    }

    static Outcome<> set(std::string& value, string_view given, const char* what) {
        if (!value.empty()) {
            return misuse("'" + std::string(given) + "' is a second " + what + ".");
        }
        value = given;
        return {};
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

} // namespace batonctl
