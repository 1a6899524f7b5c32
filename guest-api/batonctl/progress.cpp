// SPDX-License-Identifier: BSD-2-Clause
#include "progress.hpp"

#include "text.hpp"

#include <unistd.h>

#include <cstdio>

namespace batonctl {
namespace {

constexpr std::uint64_t worth_telling = std::uint64_t{16} << 20;

} // namespace

Progress::Progress(std::uint64_t total) : total_(total), live_(::isatty(STDERR_FILENO) == 1) {}

Progress::~Progress() { clear(); }

void Progress::add(std::uint64_t bytes) {
    done_ += bytes;
    const auto percent = static_cast<unsigned>(done_ * 100 / total_);
    if (total_ < worth_telling || percent < shown_ + (live_ ? 1 : 25)) {
        return;
    }
    shown_ = percent;
    std::fprintf(stderr, "%sloading: %s of %s (%u %%)%s", live_ ? "\r" : "",
                 size_text(done_).c_str(), size_text(total_).c_str(), percent,
                 live_ ? "\x1b[K" : "\n");
}

void Progress::clear() const {
    if (live_ && shown_ != 0) {
        std::fputs("\r\x1b[K", stderr);
    }
}

} // namespace batonctl
