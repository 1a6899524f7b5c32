// SPDX-License-Identifier: BSD-2-Clause
#include "arch/arm64/boot/first_look.hpp"

#include "arch/arm64/boot/el2_map.hpp"
#include "arch/arm64/firmware.hpp"
#include "arch/arm64/hypervisor.hpp"
#include "arch/arm64/panic/panic.hpp"
#include "arch/arm64/steps/faults.hpp"
#include "arch/arm64/steps/steps.hpp"
#include "hyp/log/log.hpp"
#include "hyp/platform/parse/first_look.hpp"

#include <memory>

namespace baton::arm64 {
namespace {

void open_console(const std::optional<UartInfo>& uart) {
    if (uart && !hypervisor().console && map_early(uart->frame, HypMemory::device)) {
        hypervisor().console.emplace(*uart);
        log::attach_console([](std::string_view text) { hypervisor().console->write(text); });
    }
}

void read_options(std::string_view bootargs) {
    Hypervisor& baton = hypervisor();
    std::construct_at(&baton.options); // no temporary: it is large
    const OptionProblems problems = parse_options(bootargs, baton.options);
    for (const OptionProblem& problem : problems) {
        log::line("warning: option {} ignored: {}", problem.word, problem.why);
    }
    set_panic_action(baton.options.panic);
    plan_faults({baton.options.step_faults.begin(), baton.options.step_faults.end()},
                guest_kexec_steps());
}

} // namespace

void take_first_look(Bytes dtb) {
    const FirstLook look = look_first(dtb);
    open_console(look.uart);
    read_options(look.bootargs);
    if (const auto fdt = Fdt::open_unchecked(dtb); fdt && has_psci_by_smc(*fdt)) {
        firmware::found();
    }
}

void take_second_look(const Platform& platform) {
    open_console(platform.uart);
    if (!platform.bundle.empty()) {
        read_options(platform.bootargs);
    }
    if (platform.tables && platform.arch->psci.conduit == PsciInfo::Conduit::smc) {
        firmware::found();
    }
}

} // namespace baton::arm64
