// SPDX-License-Identifier: BSD-2-Clause
#include "hyp/platform/options/options.hpp"

#include "hyp/platform/arch_nodes.hpp"
#include "hyp/platform/options/option_values.hpp"

namespace baton {

namespace {

using Value = OptionValue;

/// Sets one option. Returns why the value is refused, or nullptr.
using Setter = const char* (*)(Options&, Value);

struct OptionRow {
    std::string_view name;
    Setter set;
};

const char* set_flag(bool& flag, Value value) {
    if (value) {
        return "takes no value";
    }
    flag = true;
    return nullptr;
}

const char* set_slot(Options& options, Value value) {
    const auto size = parse_size(value.value_or(""));
    if (!size || *size == 0) {
        return "needs a size such as 256M";
    }
    options.slot_size = *size;
    return nullptr;
}

const char* set_teardown(Options& options, Value value) {
    if (value == "parallel") {
        options.teardown = TeardownMode::parallel;
    } else if (value == "serial") {
        options.teardown = TeardownMode::serial;
    } else {
        return "needs parallel or serial";
    }
    return nullptr;
}

const char* set_deadline(Options& options, Value value) {
    const auto milliseconds = parse_decimal(value.value_or(""));
    if (!milliseconds || *milliseconds < 1 || *milliseconds > most_deadline_ms) {
        return "needs milliseconds, 1 to 60000";
    }
    options.deadline_ms = static_cast<u32>(*milliseconds);
    return nullptr;
}

const char* set_load(Options& options, Value value) {
    if (value != "on" && value != "off") {
        return "needs on or off";
    }
    options.load = value == "on";
    return nullptr;
}

const char* set_watchdog(Options& options, Value value) {
    const auto seconds = parse_decimal(value.value_or(""));
    if (!seconds || *seconds < 1 || *seconds > 3600) {
        return "needs seconds, 1 to 3600";
    }
    options.watchdog_s = static_cast<u32>(*seconds);
    return nullptr;
}

const char* set_park(Options& options, Value value) {
    if (value != "off" && value != "wfe") {
        return "needs off or wfe";
    }
    options.park = value == "off" ? ParkMode::off : ParkMode::wfe;
    return nullptr;
}

const char* set_counter_model(Options& options, Value value) {
    if (value != "model") {
        return "needs model";
    }
    options.counter_model = true;
    return nullptr;
}

const char* set_console(Options& options, Value value) {
    if (!value || value->empty() || value->size() > VmName::longest) {
        return "needs the name of a VM";
    }
    options.console = VmName{*value};
    return nullptr;
}

const char* set_panic(Options& options, Value value) {
    if (value == "reset") {
        options.panic = PanicAction::reset;
    } else if (value == "halt") {
        options.panic = PanicAction::halt;
    } else if (value == "semihosting") {
        options.panic = PanicAction::semihosting;
    } else {
        return "needs reset, halt or semihosting";
    }
    return nullptr;
}

constexpr OptionRow option_rows[]{
    {"slot", set_slot},
    {"teardown", set_teardown},
    {"deadline", set_deadline},
    {"rotate", [](Options& options, Value value) { return set_flag(options.rotate, value); }},
    {"report", [](Options& options, Value value) { return set_flag(options.report, value); }},
    {"load", set_load},
    {"watchdog", set_watchdog},
    {"park", set_park},
    {"console", set_console},
    {"panic", set_panic},
    {"fault", set_fault_option},
};

const char* set_option(Options& options, std::string_view text) {
    const usize equals = text.find('=');
    const std::string_view name = text.substr(0, equals);
    const Value value = equals == text.npos ? std::nullopt : std::optional{text.substr(equals + 1)};
    if (name == arch::counter_model_option()) {
        return set_counter_model(options, value);
    }
    for (const OptionRow& row : option_rows) {
        if (row.name == name) {
            return row.set(options, value);
        }
    }
    return "is no option of Baton";
}

} // namespace

OptionProblems parse_options(std::string_view bootargs, Options& options) {
    constexpr std::string_view prefix = "baton.";
    constexpr std::string_view blanks = " \t\r\n";
    OptionProblems problems;
    for (;;) {
        const usize begin = bootargs.find_first_not_of(blanks);
        if (begin == bootargs.npos) {
            return problems;
        }
        bootargs.remove_prefix(begin);
        const std::string_view word = bootargs.substr(0, bootargs.find_first_of(blanks));
        bootargs.remove_prefix(word.size());
        if (!word.starts_with(prefix)) {
            continue;
        }
        if (const char* why = set_option(options, word.substr(prefix.size()))) {
            (void)problems.push({word, why});
        }
    }
}

} // namespace baton
