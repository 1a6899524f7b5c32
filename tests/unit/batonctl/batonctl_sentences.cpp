// SPDX-License-Identifier: BSD-2-Clause
#include "guest-api/batonctl/sentences.hpp"

#include "guest-api/batonctl/status.hpp"
#include "guest-api/batonctl/text.hpp"

#include <doctest/doctest.h>

#include <cerrno>
#include <map>
#include <set>

using namespace batonctl;

namespace {

baton_answer by_baton(long long status) {
    return {.status = status, .value = {3u << 20, 2u << 20, 0}, .refusal = 0, .reserved = 0};
}

baton_answer by_module(baton_u32 refusal) {
    return {.status = 0, .value = {}, .refusal = refusal, .reserved = 0};
}

bool is_sentence(const std::string& text) {
    return text.size() > 20 && text.front() >= 'A' && text.front() <= 'Z' && text.back() == '.';
}

} // namespace

TEST_CASE("every refusal has a sentence of its own") {
    std::set<std::string> seen;
    int count = 0;
    const auto check = [&](const baton_answer& answer, int error) {
        const std::string sentence = explain(answer, error).sentence;
        CAPTURE(sentence);
        CHECK(is_sentence(sentence));
        CHECK(sentence.find("does not know.") == std::string::npos);
        seen.insert(sentence);
        count++;
    };
    // No list of names: a number that is new in the header shows here as one without a sentence.
    check(by_baton(BATON_INVALID_PARAMETER), EINVAL);
    constexpr long long gap = -30; // means nothing any more
    for (long long status = BATON_TRUSTED_OS; status <= BATON_NOT_ALLOWED; status++) {
        if (status != gap) {
            check(by_baton(status), EINVAL);
        }
    }
    for (baton_u32 refusal = BATON_NEEDS_CAP_SYS_BOOT; refusal <= BATON_NOT_LOADING; refusal++) {
        check(by_module(refusal), EPERM);
    }
    check(by_module(BATON_NOT_REFUSED), ENOMEM);
    check(by_module(BATON_NOT_REFUSED), EFAULT);
    check(by_module(BATON_NOT_REFUSED), ENOTTY);
    CHECK(static_cast<int>(seen.size()) == count);
}

TEST_CASE("the exit status tells what to do") {
    const std::map<long long, Exit> by_status{{BATON_NOT_ALLOWED, Exit::not_allowed},
                                              {BATON_BUSY, Exit::busy},
                                              {BATON_NOT_SEALED, Exit::nothing_staged},
                                              {BATON_TOO_BIG, Exit::failed},
                                              {-99, Exit::failed}};
    for (const auto& [status, exit] : by_status) {
        CHECK(explain(by_baton(status), EINVAL).exit == exit);
    }
    for (const baton_u32 refusal :
         {BATON_NEEDS_CAP_SYS_BOOT, BATON_LOAD_DISABLED, BATON_LOCKED_DOWN}) {
        CHECK(explain(by_module(refusal), EPERM).exit == Exit::not_allowed);
    }
    CHECK(explain(by_module(BATON_LOAD_ELSEWHERE), EBUSY).exit == Exit::busy);
}

TEST_CASE("what Baton refused with is told; a module that does not know a call counts as Baton") {
    CHECK(explain(by_baton(BATON_BUSY), EBUSY).status == BATON_BUSY);
    CHECK(explain(by_module(BATON_POLICY), EACCES).status == 0);
    CHECK(explain(by_module(BATON_NOT_REFUSED), EFAULT).status == 0);
    CHECK(explain(by_module(BATON_NOT_REFUSED), ENOTTY).status == BATON_NOT_SUPPORTED);
}

TEST_CASE("too big: by how much, and what would do") {
    const std::string sentence = explain(by_baton(BATON_TOO_BIG), EFBIG).sentence;
    CHECK(sentence.find("3.0 MiB") != std::string::npos);
    CHECK(sentence.find("2.0 MiB") != std::string::npos);
    CHECK(sentence.find("baton.slot=4M") != std::string::npos);
}

TEST_CASE("sizes and times are told in fitting units") {
    CHECK(size_text(7) == "7 bytes");
    CHECK(size_text(34'900'000) == "33.3 MiB");
    CHECK(time_text(999) == "999 ns");
    CHECK(time_text(1'234'567) == "1.2 ms");
    CHECK(time_text(90'000'000'000) == "90.0 s");
}

TEST_CASE("the status tells what reboot does") {
    baton_status status{};
    status.cpus = 8;
    status.online = 7;
    status.lost = 1;
    status.slot_size = 256u << 20;
    CHECK(status_text(status).find("a real reset") != std::string::npos);
    CHECK(status_text(status).find("8: 7 online, 0 off, 1 lost") != std::string::npos);
    CHECK(status_text(status).find("none since Baton booted") != std::string::npos);
    status.load_state = BATON_STAGED;
    status.load_id = 5;
    status.handovers = 3;
    status.blackout_ns = 512'300;
    status.last_cpus = 8;
    CHECK(status_text(status).find("swaps to it") != std::string::npos);
    status.load_kind = BATON_HOST_KEXEC;
    CHECK(status_text(status).find("in the place of Baton") != std::string::npos);
    CHECK(status_text(status).find("number 3: 8 CPUs, 0 lost, blackout 512.3 us") !=
          std::string::npos);
}
