// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/static_vector.hpp"
#include "hyp/types.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>

/// Baton's own options: the words of /chosen/bootargs that begin with `baton.`. The last of several
/// equal ones counts, but for faults at steps.
namespace baton {

enum class TeardownMode { parallel, serial };
/// What becomes of the other CPUs in a host kexec: switched off by the firmware, or waiting in a
/// spin table.
enum class ParkMode { off, wfe };
enum class PanicAction { reset, halt, semihosting };

enum class FaultKind {
    lost,    ///< never comes back
    late,    ///< later than usual, by StepFault::us
    overdue, ///< comes back when the deadline is long over
    kick,    ///< kicks all other CPUs, and the boot CPU once more
};

/// A name that an option gives. A copy: options outlive the DTB that they were read from.
template <usize longest_>
class OptionName {
  public:
    static constexpr usize longest = longest_;

    constexpr OptionName() = default;
    /// @param name no longer than `longest`
    explicit constexpr OptionName(std::string_view name) : size_{name.size()} {
        std::copy(name.begin(), name.end(), text_.begin());
    }
    constexpr std::string_view view() const { return {text_.data(), size_}; }

  private:
    std::array<char, longest> text_{};
    usize size_ = 0;
};
using StepName = OptionName<15>; ///< arch knows which there are
using VmName = OptionName<47>;

/// A fault at one step of one handover.
struct StepFault {
    /// Whose, but for a CPU by its number.
    enum class Of : u8 { one, boot, all };

    FaultKind kind;
    Of of;
    CpuId cpu; ///< with Of::one
    StepName step;
    std::optional<u32> us; ///< with FaultKind::late; none: a quarter of the deadline
};

struct Options {
    u64 slot_size = 0;                              ///< baton.slot=SIZE in bytes; 0: the default
    TeardownMode teardown = TeardownMode::parallel; ///< baton.teardown=parallel|serial
    u32 deadline_ms = 100;                          ///< baton.deadline=MS, 1 to 60000
    bool rotate = false;                            ///< baton.rotate
    bool report = false;                            ///< baton.report
    bool load = true;                               ///< baton.load=on|off
    u32 watchdog_s = 0;                             ///< baton.watchdog=S, 1 to 3600
    ParkMode park = ParkMode::off;                  ///< baton.park=off|wfe
    PanicAction panic = PanicAction::reset;         ///< baton.panic=reset|halt|semihosting
    VmName console;                                 ///< baton.console=NAME; empty: the host VM
    bool counter_model = false;                     ///< arch::counter_model_option()
    std::optional<CpuId> lost_cpu;                  ///< baton.fault=lost:CPU
    std::optional<CpuId> panic_cpu;                 ///< baton.fault=panic:CPU
    std::optional<CpuId> staying_cpu;               ///< baton.fault=stay:CPU
    std::optional<CpuId> refused_cpu;               ///< baton.fault=refuse:CPU
    /// baton.fault=KIND:CPU@STEP, KIND:boot@STEP or KIND:all@STEP, late:…@STEP+US: one each for
    /// the first handovers.
    StaticVector<StepFault, 32> step_faults;
};

/// A word that was ignored, and why. Points into the text that was parsed.
struct OptionProblem {
    std::string_view word;
    const char* why;
};

using OptionProblems = StaticVector<OptionProblem, 8>;

/// Words that do not begin with `baton.` are somebody else's and pass in silence.
/// @param options gets what the words say, and keeps the rest
/// @return only the first few problems
OptionProblems parse_options(std::string_view bootargs, Options& options);

/// A size as Linux's memparse reads it, decimal or 0x hexadecimal with one suffix of K M G (or
/// k m g) at most. Nothing if there is any other character, no digit, or more than 64 bits.
std::optional<u64> parse_size(std::string_view text);

} // namespace baton
