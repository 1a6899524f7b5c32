// SPDX-License-Identifier: BSD-2-Clause
#include "image.hpp"

#include "text.hpp"
#include "unpack.hpp"

#include <algorithm>
#include <cstring>
#include <string_view>

namespace batonctl {
namespace {

using View = std::span<const std::byte>;
using std::string_view;

/// linux/drivers/firmware/efi/libstub/zboot-header.S
struct ZbootHeader {
    char mz[4];
    char zimg[4];
    unsigned payload_offset; ///< of the packed Image in the file
    unsigned payload_size;
    unsigned reserved[2];
    char method[32]; ///< "gzip", "zstd22" …; ends with a NUL
};
static_assert(sizeof(ZbootHeader) == 56);

bool has(View file, std::size_t offset, string_view magic) {
    return file.size() >= offset + magic.size() &&
           std::memcmp(file.data() + offset, magic.data(), magic.size()) == 0;
}

bool is_gzip(View file) { return has(file, 0, "\x1f\x8b"); }
bool is_zboot(View file) { return has(file, 0, "MZ") && has(file, 4, "zimg"); }

Outcome<Bytes> named(Outcome<Bytes> unpacked, const std::string& name) {
    if (!unpacked) {
        return fail(Exit::failed, name + " cannot be unpacked: " + unpacked.error().sentence);
    }
    return unpacked;
}

Outcome<Bytes> unpack_zboot(View file, const std::string& name) {
    ZbootHeader header;
    if (file.size() < sizeof(header)) {
        return fail(Exit::failed, name + " is cut off: not even its EFI zboot header is whole.");
    }
    std::memcpy(&header, file.data(), sizeof(header));
    if (header.payload_offset > file.size() ||
        header.payload_size > file.size() - header.payload_offset) {
        return fail(Exit::failed,
                    format("%s is cut off: by its EFI zboot header it has at least %llu bytes, and "
                           "there are %zu. Copy or download it again.",
                           name.c_str(), 0ull + header.payload_offset + header.payload_size,
                           file.size()));
    }
    const View payload = file.subspan(header.payload_offset, header.payload_size);
    const string_view method(header.method, strnlen(header.method, sizeof(header.method)));
    if (method == "gzip") {
        return named(gunzip(payload), name);
    }
    if (method.starts_with("zstd")) {
        return named(unzstd(payload), name);
    }
    return fail(Exit::failed, name + " is an EFI zboot file packed with '" + std::string(method) +
                                  "'; batonctl unpacks gzip and zstd. Unpack it yourself, and give "
                                  "the Image.");
}

} // namespace

Outcome<Bytes> unpack_kernel(Bytes file, const std::string& name) {
    if (is_gzip(file)) {
        return named(gunzip(file), name);
    }
    if (is_zboot(file)) {
        return unpack_zboot(file, name);
    }
    return file;
}

std::string what_it_is(View file) {
    if (has(file, 0,
            "\x7f"
            "ELF")) {
        return "an ELF file (vmlinux?)";
    }
    if (has(file, 0, string_view("\x27\x05\x19\x56", 4))) {
        return "a uImage of U-Boot";
    }
    if (has(file, 0, string_view("\xd0\x0d\xfe\xed", 4))) {
        return "a DTB or a FIT image";
    }
    if (has(file, 0, "070701")) {
        return "a cpio archive (an initrd?)";
    }
    if (has(file, 0,
            "\xfd"
            "7zXZ") ||
        has(file, 0, string_view("\x28\xb5\x2f\xfd", 4))) {
        return "packed with xz or zstd: unpack it first";
    }
    if (has(file, 0, "MZ")) {
        return "an EFI program without an arm64 Image's header (for another kind of CPU?)";
    }
    return file.size() < 64 ? "too short for one" : "something else";
}

} // namespace batonctl
