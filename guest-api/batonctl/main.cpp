// SPDX-License-Identifier: BSD-2-Clause
// batonctl: loads the next kernel into Baton and starts it. Runs on the guest.
#include "device.hpp"
#include "load.hpp"
#include "options.hpp"
#include "status.hpp"
#include "text.hpp"
#include "trace.hpp"

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

/// @returns the exit status
Outcome<int> print_status(Device& device, bool staged_is_1) {
    return then(device.status(), [&](const baton_status& status) {
        std::fputs(status_text(status).c_str(), stdout);
        return Outcome<int>(staged_is_1 && status.load_state == BATON_STAGED ? 1 : 0);
    });
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
        return done(options.now ? device->exec() : restart(*device, options.host));
    case Action::unload:
        return done(device->drop());
    case Action::status:
        return print_status(*device, options.staged_is_1);
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
