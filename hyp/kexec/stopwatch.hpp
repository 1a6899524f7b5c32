// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/arch.hpp"

namespace baton {

/// Adds the time of its life to a sum.
class Stopwatch {
  public:
    explicit Stopwatch(Ticks& sum) : sum_{sum}, begin_{arch::now()} {}
    ~Stopwatch() { sum_ += arch::now() - begin_; }
    Stopwatch(const Stopwatch&) = delete;
    Stopwatch& operator=(const Stopwatch&) = delete;

  private:
    Ticks& sum_;
    Ticks begin_;
};

} // namespace baton
