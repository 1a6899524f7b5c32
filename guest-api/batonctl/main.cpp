// SPDX-License-Identifier: BSD-2-Clause
// batonctl: loads the next kernel into Baton and starts it. Runs on the guest.
#include "device.hpp"
#include "load.hpp"
#include "options.hpp"
#include "status.hpp"
#include "text.hpp"
#include "trace.hpp"
#include "vm_control.hpp"
#include "vms.hpp"

#include <sys/reboot.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

namespace batonctl {
namespace {

/// @param host what the user takes the staged image for
Outcome<> restart(Device& device, bool host) {
    Outcome<baton_status> status = device.status();
    if (!status) {
        return std::unexpected(status.error());
    }
    // The kernel would really reset the machine.
    if (status->load_state != BATON_STAGED) {
        return fail(Exit::nothing_staged,
                    "Nothing is staged. Load a kernel first: `batonctl load --kernel FILE`.");
    }
    if (host != (status->load_kind == BATON_HOST_KEXEC)) {
        return fail(Exit::failed,
                    host
                        ? "The staged image is a kernel to run above Baton: say `batonctl exec`."
                        : "The staged image takes the place of Baton: say `batonctl exec --host`.");
    }
    ::sync();
    ::reboot(RB_AUTOBOOT);
    return errno == EPERM
               ? fail(Exit::not_allowed, "This needs the capability CAP_SYS_BOOT: run it as root.")
               : fail(Exit::failed,
                      format("The kernel does not restart: %s.", std::strerror(errno)));
}

Outcome<> print_log(Device& device) {
    baton_u64 position = 0;
    for (;;) {
        Outcome<std::string> text = device.log(position);
        if (!text) {
            return std::unexpected(text.error());
        }
        if (text->empty()) {
            return {};
        }
        std::fputs(text->c_str(), stdout);
    }
}

/// The help tells the default.
std::chrono::seconds timeout_of(const Options& options) {
    return options.timeout.value_or(std::chrono::seconds(10));
}

/// @returns the exit status
Outcome<int> print_status(Device& device, const Options& options) {
    const Outcome<baton_status> status = device.status();
    if (!status) {
        return std::unexpected(status.error());
    }
    return then(list_vms(device), [&](const std::vector<baton_vm_status>& vms) {
        const std::string text =
            options.json ? status_json(*status, vms) : status_text(*status) + vms_text(vms);
        std::fputs(text.c_str(), stdout);
        return Outcome<int>(options.staged_is_1 && status->load_state == BATON_STAGED ? 1 : 0);
    });
}

Outcome<> print_done(const Outcome<std::string>& outcome) {
    return then(outcome, [](const std::string& text) {
        std::printf("%s\n", text.c_str());
        return Outcome<>();
    });
}

Outcome<> exec(Device& device, const Options& options) {
    if (!options.vm.empty()) {
        return print_done(exec_vm(device, options.vm, timeout_of(options)));
    }
    return options.now ? device.exec() : restart(device, options.host);
}

Outcome<> print_trace(Device& device, bool json) {
    return then(read_trace(device), [&](const Trace& trace) {
        std::fputs((json ? trace_json(trace) : trace_table(trace)).c_str(), stdout);
        return Outcome<>();
    });
}

Outcome<int> done(Outcome<> outcome) {
    return then(std::move(outcome), [] { return Outcome<int>(0); });
}

Outcome<int> run(const Options& options) {
    if (options.action == Action::help) {
        std::fputs(help_text, stdout);
        return 0;
    }
    if (options.action == Action::load) {
        return done(load(options));
    }
    Outcome<Device> device = Device::open();
    if (!device) {
        return std::unexpected(device.error());
    }
    switch (options.action) {
    case Action::exec:
        return done(exec(*device, options));
    case Action::unload:
        return done(options.vm.empty() ? device->drop() : unload_vm(*device, options.vm));
    case Action::start:
        return done(print_done(start_vm(*device, options.vm, timeout_of(options))));
    case Action::stop:
        return done(print_done(stop_vm(*device, options.vm, timeout_of(options))));
    case Action::status:
        return print_status(*device, options);
    case Action::trace:
        return done(print_trace(*device, options.json));
    case Action::log:
        return done(print_log(*device));
    case Action::help:
    case Action::load:
        break;
    }
    return 0;
}

} // namespace
} // namespace batonctl

int main(int count, char** arguments) {
    using namespace batonctl;
    const std::span<const char* const> words(arguments, static_cast<std::size_t>(count));
    const Outcome<int> status = then(parse(words.empty() ? words : words.subspan(1)), run);
    if (!status) {
        std::fprintf(stderr, "batonctl: %s\n", status.error().sentence.c_str());
        return static_cast<int>(status.error().exit);
    }
    return *status;
}
