// SPDX-License-Identifier: BSD-2-Clause
#include "hyp/platform/options.hpp"

#include "hyp/platform/arch_nodes.hpp"

#include <utility>

namespace baton {

namespace {

constexpr u32 most_deadline_ms = 60'000;

using Value = std::optional<std::string_view>;

/// Sets one option. Returns why the value is refused, or nullptr.
using Setter = const char* (*)(Options&, Value);

struct OptionRow {
    std::string_view name;
    Setter set;
};

std::optional<u64> digit_value(char c, u32 base) {
    u32 digit = 99;
    if (c >= '0' && c <= '9') {
        digit = static_cast<u32>(c - '0');
    } else if (c >= 'a' && c <= 'f') {
        digit = static_cast<u32>(c - 'a') + 10;
    } else if (c >= 'A' && c <= 'F') {
        digit = static_cast<u32>(c - 'A') + 10;
    }
    return digit < base ? std::optional<u64>{digit} : std::nullopt;
}

std::optional<u64> parse_number(std::string_view text) {
    u32 base = 10;
    if (text.starts_with("0x") || text.starts_with("0X")) {
        base = 16;
        text.remove_prefix(2);
    }
    if (text.empty()) {
        return std::nullopt;
    }
    u64 number = 0;
    for (char c : text) {
        const auto digit = digit_value(c, base);
        if (!digit || __builtin_mul_overflow(number, u64{base}, &number) ||
            __builtin_add_overflow(number, *digit, &number)) {
            return std::nullopt;
        }
    }
    return number;
}

std::optional<u64> parse_decimal(std::string_view text) {
    return text.starts_with("0x") || text.starts_with("0X") ? std::nullopt : parse_number(text);
}

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

/// The number behind `kind`, if the value begins with that.
std::optional<CpuId> cpu_of(Value value, std::string_view kind) {
    if (!value || !value->starts_with(kind)) {
        return std::nullopt;
    }
    const auto cpu = parse_decimal(value->substr(kind.size()));
    return cpu && *cpu < max_cpus ? std::optional{CpuId{static_cast<u32>(*cpu)}} : std::nullopt;
}

std::optional<FaultKind> parse_fault_kind(std::string_view text) {
    constexpr std::pair<std::string_view, FaultKind> kinds[]{{"lost", FaultKind::lost},
                                                             {"late", FaultKind::late},
                                                             {"overdue", FaultKind::overdue},
                                                             {"kick", FaultKind::kick}};
    for (const auto& [name, kind] : kinds) {
        if (name == text) {
            return kind;
        }
    }
    return std::nullopt;
}

/// KIND:CPU@STEP, and of a late CPU KIND:CPU@STEP+US
std::optional<StepFault> parse_step_fault(std::string_view text) {
    const usize plus = text.find('+');
    std::optional<u32> us;
    if (plus != text.npos) {
        const auto number = parse_decimal(text.substr(plus + 1));
        if (!number || *number > u64{most_deadline_ms} * 1000) {
            return std::nullopt;
        }
        us = static_cast<u32>(*number);
        text = text.substr(0, plus);
    }
    const usize colon = text.find(':');
    const usize at = text.find('@');
    if (colon == text.npos || at == text.npos || at < colon || at + 1 == text.size() ||
        text.size() - (at + 1) > StepName::longest) {
        return std::nullopt;
    }
    const auto kind = parse_fault_kind(text.substr(0, colon));
    const auto cpu = cpu_of(text.substr(0, at), text.substr(0, colon + 1));
    const std::string_view name = text.substr(colon + 1, at - colon - 1);
    if (!kind || (us && kind != FaultKind::late) || (!cpu && name != "boot" && name != "all")) {
        return std::nullopt;
    }
    return StepFault{.kind = *kind,
                     .of = cpu              ? StepFault::Of::one
                           : name == "boot" ? StepFault::Of::boot
                                            : StepFault::Of::all,
                     .cpu = cpu.value_or(CpuId{}),
                     .step = StepName{text.substr(at + 1)},
                     .us = us};
}

const char* set_fault(Options& options, Value value) {
    if (const auto lost = cpu_of(value, "lost:")) {
        options.lost_cpu = lost;
    } else if (const auto panic = cpu_of(value, "panic:")) {
        options.panic_cpu = panic;
    } else if (const auto stay = cpu_of(value, "stay:")) {
        options.staying_cpu = stay;
    } else if (const auto refuse = cpu_of(value, "refuse:")) {
        options.refused_cpu = refuse;
    } else if (const auto fault = parse_step_fault(value.value_or(""))) {
        return options.step_faults.push(*fault) ? nullptr : "is one fault too many";
    } else {
        return "needs lost, panic, stay or refuse as KIND:CPU, or lost, late, overdue or kick as "
               "KIND:CPU@STEP, or late:CPU@STEP+MICROSECONDS";
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
    {"fault", set_fault},
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

std::optional<u64> parse_size(std::string_view text) {
    u32 shift = 0;
    if (!text.empty()) {
        switch (text.back()) {
        case 'K':
        case 'k':
            shift = 10;
            break;
        case 'M':
        case 'm':
            shift = 20;
            break;
        case 'G':
        case 'g':
            shift = 30;
            break;
        default:
            break;
        }
    }
    text.remove_suffix(shift != 0 ? 1 : 0);
    const auto number = parse_number(text);
    u64 size = 0;
    if (!number || __builtin_mul_overflow(*number, u64{1} << shift, &size)) {
        return std::nullopt;
    }
    return size;
}

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
