// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/lifecycle/machine.hpp"

namespace baton {

/// Adds the ticks of its life to a sum.
class Stopwatch {
  public:
    Stopwatch(const Machine& clock, u64& sum) : clock_{clock}, sum_{sum}, begin_{clock.now()} {}
    ~Stopwatch() { sum_ += clock_.now() - begin_; }
    Stopwatch(const Stopwatch&) = delete;
    Stopwatch& operator=(const Stopwatch&) = delete;

  private:
    const Machine& clock_;
    u64& sum_;
    u64 begin_;
};

} // namespace baton
