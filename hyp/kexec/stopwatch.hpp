// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/arch.hpp"

namespace baton {

/// Adds the ticks of its life to a sum.
class Stopwatch {
  public:
    explicit Stopwatch(u64& sum) : sum_{sum}, begin_{arch::now()} {}
    ~Stopwatch() { sum_ += arch::now() - begin_; }
    Stopwatch(const Stopwatch&) = delete;
    Stopwatch& operator=(const Stopwatch&) = delete;

  private:
    u64& sum_;
    u64 begin_;
};

} // namespace baton
