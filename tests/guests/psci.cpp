// SPDX-License-Identifier: BSD-2-Clause
//
// What PSCI and SMCCC answer, by both conduits, and that calls change no more than x0-x3.
// Options: bare.

#include "guest-api/guest/smp.hpp"

#include <algorithm>

namespace baton::guest {

namespace {

using psci::Function;

constexpr u64 id(Function function) { return static_cast<u64>(function); }
constexpr u64 as_smc32(Function function) { return id(function) & ~(u64{1} << 30); }

void versions(Conduit conduit) {
    check_equal("PSCI_VERSION is 1.1", call(conduit, id(Function::version)).x0, 0x1'0001);
    check_equal("MIGRATE_INFO_TYPE: no trusted OS to migrate",
                call(conduit, id(Function::migrate_info_type)).x0, 2);
    if (above_baton()) {
        const CallResult version = call(conduit, SMCCC_VERSION);
        check("SMCCC_VERSION is 1.1 or later", version.status() >= 0x1'0001, "{x}", version.x0);
        check_equal("PSCI_FEATURES knows SMCCC_VERSION",
                    call(conduit, id(Function::features), SMCCC_VERSION).x0, 0);
        for (const u64 known : {SMCCC_VERSION, SMCCC_ARCH_FEATURES}) {
            check_equal("SMCCC_ARCH_FEATURES knows itself and the version",
                        call(conduit, SMCCC_ARCH_FEATURES, known).x0, 0);
        }
        check("SMCCC_ARCH_FEATURES of what is not there: NOT_SUPPORTED",
              call(conduit, SMCCC_ARCH_FEATURES, 0x8000'7ffe).status() == NOT_SUPPORTED);
    }
}

void features(Conduit conduit) {
    u32 wrong = 0;
    for (const Function function :
         {Function::version, Function::cpu_suspend, Function::cpu_off, Function::cpu_on,
          Function::affinity_info, Function::migrate_info_type, Function::system_off,
          Function::system_reset, Function::features, Function::system_reset2}) {
        if (function == Function::system_reset2 && !above_baton()) {
            continue;
        }
        for (const u64 form : {id(function), as_smc32(function)}) {
            const CallResult result = call(conduit, id(Function::features), form);
            wrong += !require("PSCI_FEATURES knows the function", result.status() >= 0, "{x}: {}",
                              form, result.status());
        }
    }
    check("PSCI_FEATURES knows the functions of PSCI 1.1", wrong == 0, "{} unknown", wrong);
    check("PSCI_FEATURES of what is not there: NOT_SUPPORTED",
          call(conduit, id(Function::features), 0x8400'01f0).status() == NOT_SUPPORTED);
}

/// Numbers that no service of Baton or of PSCI has, in every range of owners.
void unknown(Conduit conduit) {
    u32 asked = 0;
    u32 wrong = 0;
    for (u64 owner = 0; owner < 64; owner++) {
        for (const u64 number : {0x0060u, 0x00ffu, 0x01f0u, 0x5a5au, 0xf00du}) {
            for (const u64 convention : {0x8000'0000u, 0xc000'0000u, 0x0000'0000u, 0x4000'0000u}) {
                const u64 function = convention | owner << 24 | number;
                const CallResult result = call(conduit, function);
                const bool wide = (convention & 0x4000'0000) != 0;
                asked++;
                wrong += !require("an unknown function is NOT_SUPPORTED",
                                  wide ? result.x0 == ~u64{0} : result.status() == NOT_SUPPORTED,
                                  "{x}: {x}", function, result.x0);
            }
        }
    }
    // PSCI's MEM_PROTECT; those that go to the firmware, which has none of them in QEMU: TRNG, MM,
    // FF-A's version, its buffers and its memory, SiP, OEM; those that never do: SDEI, DRTM, a
    // trusted OS.
    for (const u64 function :
         {0x8400'0013u, 0x8400'0050u, 0x8400'0041u, 0x8400'0063u, 0x8400'0073u, 0x8200'0001u,
          0x8300'0000u, 0xc400'0021u, 0xc400'0114u, 0xb200'0000u, 0x3200'0004u}) {
        wrong += call(conduit, function).status() != NOT_SUPPORTED;
    }
    check("unknown functions are NOT_SUPPORTED", wrong == 0, "{} of {}", wrong, asked);
}

void registers_survive(Conduit conduit) {
    u32 lost = 0;
    for (const u64 function : {id(Function::version), id(Function::affinity_info),
                               id(Function::cpu_on), SMCCC_VERSION, u64{0xc600'5a5a}}) {
        Registers registers;
        for (u64 i = 0; u64 & x : registers) {
            x = 0x1111'0000'2222'0000 + i++;
        }
        registers[0] = function;
        registers[1] = own_affinity();
        registers[2] = 0;
        const Registers before = registers;
        call_with_registers(registers, conduit);
        for (u32 i = 4; i < registers.size(); i++) {
            lost += !require("a call leaves the register alone", registers[i] == before[i],
                             "function {x}, x{}: {x}", function, i, registers[i]);
        }
    }
    check("calls leave x4-x30 alone", lost == 0, "{} lost", lost);
}

void suspend(Conduit conduit) {
    constexpr u64 power_down = 1 << 16;
    for (const u64 function : {id(Function::cpu_suspend), as_smc32(Function::cpu_suspend)}) {
        for (const u64 state : {u64{0}, power_down}) {
            if (state == power_down && !above_baton()) {
                continue;
            }
            u64 slept = 0;
            CallResult result{};
            {
                const InterruptsMasked masked;
                const u64 begin = now();
                VirtualTimer::arm_in_us(2000);
                result = call(conduit, function, state, platform().image.begin.value, 0);
                slept = us_of_ticks(now() - begin);
            }
            check("CPU_SUSPEND returns when an interrupt comes", result.status() == 0,
                  "function {x}, state {x}: {}", function, state, result.status());
            check("it slept until then", slept >= 1900, "{} us", slept);
        }
    }
}

void refused_resets(Conduit conduit) {
    constexpr u64 vendor = 0x8000'0000;
    for (const u64 type : {u64{1}, u64{0x7fff'ffff}, vendor | 0x7fff'0001}) {
        const CallResult result = call(conduit, id(Function::system_reset2), type, 0);
        check("SYSTEM_RESET2 of an unknown type: INVALID_PARAMETERS",
              result.status() == static_cast<std::int64_t>(psci::Status::invalid_parameters),
              "type {x}: {}", type, result.status());
    }
}

void all_at_once(Conduit conduit) {
    std::atomic<u32> wrong;
    run_on_all("all CPUs end their calls", [&] {
        for (u32 i = 0; i < 200; i++) {
            wrong += call(conduit, id(Function::version)).x0 != 0x1'0001;
            wrong += call(conduit, 0xc600'5a5a).status() != NOT_SUPPORTED;
        }
    });
    check("all CPUs call at once and get their own answers", wrong == 0, "{} wrong", wrong.load());
}

} // namespace

void guest_main() {
    print("guest: psci: {} CPUs\n", enabled_cpus());
    check("all CPUs start", start_all());
    for (const Conduit conduit : {Conduit::hvc, Conduit::smc}) {
        // Without EL2 and EL3, one of the two is undefined.
        if (!above_baton() && conduit != platform().conduit) {
            continue;
        }
        print("by {}\n", conduit == Conduit::hvc ? "HVC" : "SMC");
        versions(conduit);
        features(conduit);
        unknown(conduit);
        registers_survive(conduit);
        suspend(conduit);
        if (above_baton()) {
            refused_resets(conduit);
        }
        all_at_once(conduit);
    }
}

} // namespace baton::guest
