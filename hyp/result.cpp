// SPDX-License-Identifier: BSD-2-Clause
#include "hyp/result.hpp"

namespace baton {

const char* describe(Error error) {
    switch (error) {
    case Error::bad_dtb:
        return "the DTB is damaged or incomplete";
    case Error::too_many:
        return "the platform has more of something than Baton has room for";
    case Error::bad_range:
        return "an address range is out of bounds";
    case Error::no_room:
        return "there is not enough memory";
    case Error::unsupported:
        return "Baton has no driver for it";
    case Error::bad_option:
        return "the option cannot be understood";
    case Error::bad_image_magic:
        return "it is no arm64 Image";
    case Error::bad_image_header:
        return "its arm64 Image header asks for what this machine cannot give";
    case Error::image_too_big:
        return "kernel, initrd and DTB do not fit the slot";
    case Error::overlap:
        return "two memory ranges overlap";
    case Error::busy:
        return "another CPU is doing it already";
    case Error::nothing_staged:
        return "no image is staged";
    case Error::timed_out:
        return "a deadline passed";
    case Error::firmware:
        return "the firmware refused";
    case Error::invalid:
        return "the call does not take this";
    case Error::not_allowed:
        return "an option forbids it";
    case Error::bad_address:
        return "the address is not the guest's own RAM";
    case Error::stale:
        return "the image is not there any more";
    case Error::out_of_order:
        return "a piece before it is missing";
    case Error::bad_command_line:
        return "the command line is too long or has a NUL inside";
    case Error::incomplete:
        return "not everything has been copied";
    case Error::trusted_os:
        return "a Trusted OS lives on one CPU, which therefore cannot be switched off";
    case Error::bad_digest:
        return "the digest is not that of what was copied";
    }
    return "unknown error";
}

} // namespace baton
