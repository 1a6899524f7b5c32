// SPDX-License-Identifier: BSD-2-Clause
#include "progress.hpp"

#include "text.hpp"

#include <unistd.h>

#include <cstdio>

namespace batonctl {
namespace {

/// Bytes from which on it is worth a line that changes, or lines of their own.
constexpr std::uint64_t worth_showing = std::uint64_t{16} << 20;
constexpr std::uint64_t worth_lines = std::uint64_t{64} << 20;
constexpr unsigned percent_a_line = 25;

} // namespace

Progress::Progress(std::uint64_t total) : total_(total), live_(::isatty(STDERR_FILENO) == 1) {}

Progress::~Progress() { clear(); }

void Progress::add(std::uint64_t bytes) {
    done_ += bytes;
    const auto percent = static_cast<unsigned>(done_ * 100 / total_);
    const bool worth = total_ >= (live_ ? worth_showing : worth_lines);
    const unsigned step = live_ ? 1 : percent_a_line;
    if (!worth || percent / step == shown_ / step) {
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
