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
    }
    return "unknown error";
}

} // namespace baton
