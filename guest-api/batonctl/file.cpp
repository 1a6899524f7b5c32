// SPDX-License-Identifier: BSD-2-Clause
#include "file.hpp"

#include "text.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <new>

namespace batonctl {
namespace {

std::unexpected<Failure> cannot_read(const std::string& name, const char* why) {
    return fail(Exit::failed, name + " cannot be read: " + why + ".");
}

} // namespace

Outcome<File> File::open(const std::string& path, const char* what) {
    std::string name = std::string("The ") + what + " " + path;
    Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    struct stat state{};
    if (file.get() < 0 || ::fstat(file.get(), &state) != 0) {
        return cannot_read(name, std::strerror(errno));
    }
    if (!S_ISREG(state.st_mode)) {
        return cannot_read(name, "it is no regular file");
    }
    if (state.st_size == 0) {
        return cannot_read(name, "it is empty");
    }
    return File(std::move(file), std::move(name), static_cast<std::uint64_t>(state.st_size));
}

Outcome<> File::read(std::span<std::byte> buffer) {
    while (!buffer.empty()) {
        const ssize_t got = ::read(file_.get(), buffer.data(), buffer.size());
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return cannot_read(name_, std::strerror(errno));
        }
        if (got == 0) {
            return cannot_read(name_, "it became shorter meanwhile. Load again");
        }
        buffer = buffer.subspan(static_cast<std::size_t>(got));
    }
    return {};
}

Outcome<Bytes> File::read_all() {
    Bytes bytes;
    try {
        bytes.resize(size_);
    } catch (const std::bad_alloc&) {
        return cannot_read(name_, "there is not enough memory");
    }
    if (Outcome<> done = read(bytes); !done) {
        return std::unexpected(done.error());
    }
    return bytes;
}

std::string without_boot_image(std::string_view line) {
    std::string kept;
    while (!line.empty()) {
        const std::size_t end = std::min(line.find_first_of(" \n"), line.size());
        const std::string_view word = line.substr(0, end);
        line.remove_prefix(std::min(end + 1, line.size()));
        if (!word.empty() && !word.starts_with("BOOT_IMAGE=")) {
            kept += kept.empty() ? "" : " ";
            kept += word;
        }
    }
    return kept;
}

Outcome<std::string> running_command_line() {
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen("/proc/cmdline", "re"),
                                                               std::fclose);
    if (!file) {
        return cannot_read("/proc/cmdline", std::strerror(errno));
    }
    char text[8192];
    return without_boot_image({text, std::fread(text, 1, sizeof(text), file.get())});
}

} // namespace batonctl
