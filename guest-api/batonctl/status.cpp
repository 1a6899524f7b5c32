// SPDX-License-Identifier: BSD-2-Clause
#include "status.hpp"

#include "text.hpp"

namespace batonctl {
namespace {

std::string row(const char* name, const std::string& value) {
    return format("%-16s%s\n", name, value.c_str());
}

const char* state_text(const baton_status& status) {
    switch (status.load_state) {
    case BATON_EMPTY:
        return "nothing: `reboot` is a real reset";
    case BATON_LOADING:
        return "nothing yet: a load is in progress";
    case BATON_SEALING:
        return "nothing yet: a load is being checked";
    case BATON_STAGED:
        return status.load_kind == BATON_HOST_KEXEC
                   ? "an image in the place of Baton: `reboot` starts it"
                   : "a kernel: `reboot` swaps to it";
    default:
        return "a state that this batonctl does not know";
    }
}

std::string load_rows(const baton_status& status) {
    std::string text = row("load", format("number %llu, %s of %s copied", status.load_id,
                                          size_text(status.load_done).c_str(),
                                          size_text(status.load_size).c_str()));
    if (status.load_needs != 0) {
        text += row("", format("it needs %s of the slot", size_text(status.load_needs).c_str()));
    }
    return text +
           row("", format("copying took %s, the digest %s, cleaning the caches %s",
                          time_text(status.copy_ns).c_str(), time_text(status.digest_ns).c_str(),
                          time_text(status.clean_ns).c_str()));
}

std::string last_handover(const baton_status& status) {
    if (status.handovers == 0) {
        return "none since Baton booted";
    }
    return format("number %llu: %u CPUs, %u lost, blackout %s", status.handovers, status.last_cpus,
                  status.last_lost, time_text(status.blackout_ns).c_str());
}

} // namespace

std::string status_text(const baton_status& status) {
    std::string text = row("CPUs", format("%u: %u online, %u off, %u lost", status.cpus,
                                          status.online, status.parked, status.lost));
    text +=
        row("slots",
            format("%s each; this kernel was started at %#llx, the spare one is at %#llx",
                   size_text(status.slot_size).c_str(), status.running_slot, status.spare_slot));
    text += row("staged", state_text(status));
    if (status.load_state != BATON_EMPTY) {
        text += load_rows(status);
    }
    text += row("last handover", last_handover(status));
    text += row("watchdog", status.watchdog_s == 0 ? "none" : format("%u s", status.watchdog_s));
    return text;
}

} // namespace batonctl
