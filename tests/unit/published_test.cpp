// SPDX-License-Identifier: BSD-2-Clause
#include "hyp/published.hpp"

#include <doctest/doctest.h>
#include <thread>

using namespace baton;

TEST_CASE("what is published is read whole, and never goes back") {
    struct Value {
        u64 words[6];
    };
    Published<Value> published;
    std::atomic<bool> done{false};
    std::thread writer{[&] {
        for (u64 n = 1; n <= 50'000; n++) {
            published.publish({{n, n, n, n, n, n}});
        }
        done = true;
    }};
    u64 last = 0;
    u64 torn = 0;
    while (!done) {
        const Value value = published.read();
        for (const u64 word : value.words) {
            torn += word != value.words[0];
        }
        torn += value.words[0] < last;
        last = value.words[0];
    }
    writer.join();
    CHECK(torn == 0);
    CHECK(published.read().words[5] == 50'000);
}
