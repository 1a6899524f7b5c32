// SPDX-License-Identifier: BSD-2-Clause
#include "options.hpp"

namespace batonctl {

const char* const help_text =
    R"(batonctl: loads the next kernel into Baton, the hypervisor below this kernel, and starts it.

    batonctl load --kernel FILE [--initrd FILE] [--append STRING] [--reuse-cmdline]
        Stages FILE: an arm64 Image, plain, gzip'd, or in an EFI zboot file (vmlinuz as Debian,
        Ubuntu and Fedora ship it). --append gives its command line; --reuse-cmdline takes the
        running kernel's, and puts what --append gives behind it. The running kernel goes on; an
        image that was staged before is dropped. From now on `reboot` is a fast swap to it.
    batonctl exec
        Starts the staged image now, through the kernel's restart: disks are synced and devices
        shut down, but no service is stopped. `reboot` stops the services first.
    batonctl exec --now
        Starts it at once. Nothing is synced or shut down: what is not on the disk is lost.
    batonctl load --host --kernel FILE [--initrd FILE] [--append STRING]
                  [--module FILE[:ARGUMENTS]]...
        Stages FILE to take the place of Baton itself and of all above it, at EL2, where Linux has KVM.
        If FILE is a baton.img, --module gives it its guests: a kernel with its command line, its
        initrd, the next kernel.
    batonctl exec --host
        Starts it, as exec does.
    batonctl unload
        Drops the staged image: `reboot` is a real reset again.
    batonctl status [--json]
        CPUs, slots, what is staged, what the last handover took; in the host VM also a table of all
        VMs. --json: the same for programs.
    batonctl trace [--json]
        The last handover, CPU by CPU and step by step. --json: trace events for Chrome or Perfetto.
    batonctl log
        Baton's own messages.

In the host VM, for any other VM, by its name or its number; its running kernel is not asked:

    batonctl load --vm VM --kernel FILE [--initrd FILE] [--append STRING]
        Stages FILE for that VM: its `reboot` swaps to it.
    batonctl exec --vm VM [--timeout SECONDS]
        Starts it, in a VM that runs or that is off, and says what the handover took.
    batonctl unload --vm VM
        Drops it.
    batonctl start VM [--timeout SECONDS]
        Starts a VM that is off, with its next boot image, or with what is staged for it.
    batonctl stop VM [--timeout SECONDS]
        Stops a VM at once, as if its power were cut.

kexec's spellings are understood: -l FILE (--load), --initrd=, --ramdisk=, --append=,
--command-line=, --reuse-cmdline, -e (--exec), -u (--unload), -S (--status; its exit status is 1
if an image is staged, and 0 if not, as kexec's).

Exit status:
    0  done
    1  it failed: a file, its format, its size; or Baton refuses, and the message says why
    2  the command line makes no sense
    3  there is no /dev/baton (module not loaded), or no Baton below
    4  not allowed: CAP_SYS_BOOT, kernel.kexec_load_disabled, lockdown, baton.load=off
    5  nothing is staged that could be started
    6  busy: another load is in progress
    7  a VM did not do in time (--timeout, 10 seconds if it is not given) what it was told
)";

} // namespace batonctl
