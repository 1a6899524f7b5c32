// SPDX-License-Identifier: BSD-2-Clause
#include "sentences.hpp"

#include "text.hpp"

#include <cerrno>
#include <cstring>

namespace batonctl {
namespace {

constexpr const char* not_together =
    " batonctl, the module and Baton do not belong together: install them from one release.";

/// The smallest baton.slot that would do: slots are multiples of 2 MiB.
unsigned long long slot_mib(baton_u64 bytes) { return (bytes + (2u << 20) - 1) / (2u << 20) * 2; }

Failure too_big(const baton_answer& answer) {
    const baton_u64 needed = answer.value[0];
    const baton_u64 slot = answer.value[1];
    return {Exit::failed,
            format("It is too big: it needs %s, and a slot has %s. Take a smaller initrd, or start "
                   "Baton with baton.slot=%lluM.",
                   size_text(needed).c_str(), size_text(slot).c_str(), slot_mib(needed))};
}

Failure by_baton(const baton_answer& answer) {
    switch (answer.status) {
    case BATON_NOT_SUPPORTED:
        return {Exit::failed, std::string("Baton does not know this call.") + not_together};
    case BATON_INVALID_PARAMETER:
        return {Exit::failed,
                std::string("Baton finds a number in the call that it does not take.") +
                    not_together};
    case BATON_NOT_ALLOWED:
        return {Exit::not_allowed, "Baton was told to refuse loads: remove baton.load=off from its "
                                   "command line, and reset the machine."};
    case BATON_BUSY:
        return {Exit::busy, "Baton is busy: a load or an exec is in progress. Wait for its end, or "
                            "end a load that nobody finishes with `batonctl unload`."};
    case BATON_BAD_ADDRESS:
        return {
            Exit::failed,
            std::string("Baton does not take the module's buffer as this kernel's own memory.") +
                not_together};
    case BATON_STALE:
        return {Exit::failed, "The load was dropped meanwhile, by `batonctl unload` or by another "
                              "loader. Load again."};
    case BATON_OUT_OF_ORDER:
        return {Exit::failed, "A part of the image was left out on its way to Baton. Load again."};
    case BATON_OVERLAP:
        return {Exit::failed, "A part of the image was sent to Baton twice. Load again."};
    case BATON_BAD_MAGIC:
        return {Exit::failed,
                "The kernel is no arm64 Image. Give the file that the kernel's package "
                "has in /boot, or that its build leaves in arch/arm64/boot/Image."};
    case BATON_BAD_HEADER:
        return {Exit::failed,
                "By its header the kernel cannot run here: it is big-endian, or has a "
                "page size that these CPUs lack, or does not tell its size (Linux "
                "before 3.17). Load another one."};
    case BATON_TOO_BIG:
        return too_big(answer);
    case BATON_BAD_COMMAND_LINE:
        return {Exit::failed, format("The command line is longer than %u bytes, or holds a NUL. "
                                     "Shorten it.",
                                     BATON_MAX_COMMAND_LINE)};
    case BATON_INCOMPLETE:
        return {Exit::failed,
                format("The image is not complete: %llu bytes are missing. Load again.",
                       answer.value[0])};
    case BATON_BAD_DIGEST:
        return {Exit::failed, "What Baton has received is not what was read from the files: their "
                              "SHA-256 differ. Load again; if that fails too, test the memory."};
    case BATON_NOT_SEALED:
        return {Exit::nothing_staged,
                "Nothing is staged. Load a kernel first: `batonctl load --kernel FILE`."};
    case BATON_NO_MEMORY:
        return {Exit::failed, "Baton has no room for the next kernel's DTB or page tables. Start "
                              "Baton with a smaller baton.slot, or take a shorter command line."};
    case BATON_TRUSTED_OS:
        return {Exit::failed, "The firmware has a Trusted OS that lives on one CPU, so that Baton "
                              "cannot give up all CPUs. Only a kernel above Baton can be loaded."};
    default:
        return {Exit::failed, format("Baton refuses with %lld, which this batonctl does not know.",
                                     answer.status) +
                                  not_together};
    }
}

Failure by_kernel(const baton_answer& answer, int error) {
    switch (answer.refusal) {
    case BATON_NEEDS_CAP_SYS_BOOT:
        return {Exit::not_allowed, "This needs the capability CAP_SYS_BOOT: run it as root."};
    case BATON_LOAD_DISABLED:
        return {Exit::not_allowed,
                "This machine's administrator allows no kernel to be loaded or unloaded until the "
                "next reset: kernel.kexec_load_disabled is 1."};
    case BATON_LOAD_LIMIT:
        return {Exit::not_allowed,
                "This machine's administrator allows no more kernels to be loaded "
                "until the next reset: kernel.kexec_load_limit_reboot is 0."};
    case BATON_LOCKED_DOWN:
        return {Exit::not_allowed,
                "The kernel is locked down (see /sys/kernel/security/lockdown), and "
                "so allows no kernel to be loaded whose signature it has not "
                "checked. Start it without lockdown to load one."};
    case BATON_POLICY:
        return {Exit::not_allowed,
                format("A security module of this kernel forbids kexec_load (%s). "
                       "Its policy is to allow it first.",
                       std::strerror(error))};
    case BATON_LOAD_ELSEWHERE:
        return {Exit::busy,
                "Another batonctl is loading a kernel just now. Wait for its end, or stop "
                "it: that drops its load."};
    case BATON_NOT_LOADING:
        return {Exit::failed, "The load was dropped meanwhile. Load again."};
    default:
        return {Exit::failed,
                format("The module refuses for reason %u, which this batonctl does not "
                       "know.",
                       answer.refusal) +
                    not_together};
    }
}

} // namespace

Failure explain(const baton_answer& answer, int error) {
    if (answer.refusal != BATON_NOT_REFUSED) {
        return by_kernel(answer, error);
    }
    if (answer.status != BATON_OK) {
        Failure failure = by_baton(answer);
        failure.status = answer.status;
        return failure;
    }
    if (error == ENOTTY) {
        return {Exit::failed, std::string("The module does not know this call.") + not_together,
                BATON_NOT_SUPPORTED};
    }
    return {Exit::failed, format("The module %s fails: %s.", BATON_DEVICE, std::strerror(error))};
}

} // namespace batonctl
