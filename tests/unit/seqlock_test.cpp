// SPDX-License-Identifier: BSD-2-Clause
#include "hyp/seqlock.hpp"

#include <doctest/doctest.h>
#include <thread>

using namespace baton;

TEST_CASE("what is written is read whole, and never goes back") {
    struct Value {
        u64 words[6];
    };
    Seqlock<Value> seqlock;
    std::atomic<bool> done{false};
    std::thread writer{[&] {
        for (u64 n = 1; n <= 50'000; n++) {
            seqlock.write({{n, n, n, n, n, n}});
        }
        done = true;
    }};
    u64 last = 0;
    u64 torn = 0;
    while (!done) {
        const Value value = seqlock.read();
        for (const u64 word : value.words) {
            torn += word != value.words[0];
        }
        torn += value.words[0] < last;
        last = value.words[0];
    }
    writer.join();
    CHECK(torn == 0);
    CHECK(seqlock.read().words[5] == 50'000);
}
