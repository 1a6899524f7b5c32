// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include <cstdint>

namespace batonctl {

/// Tells on stderr how far a load has come, if it is big enough for anyone to wait. At a terminal
/// one line that changes; elsewhere a line for each quarter.
class Progress {
  public:
    explicit Progress(std::uint64_t total);
    ~Progress();
    Progress(const Progress&) = delete;
    Progress& operator=(const Progress&) = delete;

    void add(std::uint64_t bytes);

  private:
    void clear() const;

    std::uint64_t total_;
    std::uint64_t done_ = 0;
    unsigned shown_ = 0; ///< percent
    bool live_;
};

} // namespace batonctl
