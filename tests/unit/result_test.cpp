// SPDX-License-Identifier: BSD-2-Clause
#include "hyp/result.hpp"
#include "hyp/types.hpp"

#include <doctest/doctest.h>
#include <set>
#include <string>

using namespace baton;

TEST_CASE("every error is told in words of its own") {
    std::set<std::string> all;
    u32 count = 0;
    for (u32 error = 0; error <= static_cast<u32>(Error::bad_digest); error++, count++) {
        CAPTURE(error);
        const std::string words = describe(Error{static_cast<int>(error)});
        CHECK(words.size() > 8);
        CHECK(words != describe(Error{-1})); // what an error without words would get
        all.insert(words);
    }
    CHECK(all.size() == count);
}
