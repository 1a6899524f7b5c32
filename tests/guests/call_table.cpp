// SPDX-License-Identifier: BSD-2-Clause
#include "tests/guests/calls.hpp"

#include <atomic>
#include <cstring>

namespace baton::guest {
namespace {

struct Name {
    i64 value;
    std::string_view name;
};

constexpr Name errors[]{
    {BATON_NOT_SUPPORTED, "NOT_SUPPORTED"},
    {BATON_INVALID_PARAMETER, "INVALID_PARAMETER"},
    {BATON_NOT_ALLOWED, "NOT_ALLOWED"},
    {BATON_BUSY, "BUSY"},
    {BATON_BAD_ADDRESS, "BAD_ADDRESS"},
    {BATON_STALE, "STALE"},
    {BATON_OUT_OF_ORDER, "OUT_OF_ORDER"},
    {BATON_OVERLAP, "OVERLAP"},
    {BATON_BAD_MAGIC, "BAD_MAGIC"},
    {BATON_BAD_HEADER, "BAD_HEADER"},
    {BATON_TOO_BIG, "TOO_BIG"},
    {BATON_BAD_COMMAND_LINE, "BAD_COMMAND_LINE"},
    {BATON_INCOMPLETE, "INCOMPLETE"},
    {BATON_BAD_DIGEST, "BAD_DIGEST"},
    {BATON_NOT_SEALED, "NOT_SEALED"},
};

constexpr Name calls[]{
    {BATON_LOAD_BEGIN, "BEGIN"}, {BATON_LOAD_COPY, "COPY"},      {BATON_LOAD_SEAL, "SEAL"},
    {BATON_LOAD_DROP, "DROP"},   {BATON_EXEC, "EXEC"},           {BATON_STATUS, "STATUS"},
    {BATON_TRACE, "TRACE"},      {BATON_TRACE_CPU, "TRACE_CPU"}, {BATON_LOG, "LOG"},
};

/// How often each call was refused with each error.
std::array<std::array<std::atomic<u32>, std::size(errors)>, std::size(calls)> seen;

template <usize count>
usize place(const Name (&names)[count], i64 value) {
    return static_cast<usize>(std::ranges::find(names, value, &Name::value) - names);
}

void put(usize offset, u64 value, usize bytes) { std::memcpy(kernel + offset, &value, bytes); }

} // namespace

alignas(8) std::byte kernel[kernel_size];
alignas(8) std::byte initrd[initrd_size];

CallResult make_call(u32 function, u64 a1, u64 a2, u64 a3, u64 a4, u64 a5) {
    const CallResult result = hypercall(function, a1, a2, a3, a4, a5);
    const usize call = place(calls, function);
    const usize error = place(errors, result.status());
    if (call < std::size(calls) && error < std::size(errors)) {
        seen[call][error]++;
    }
    return result;
}

void refuse(std::string_view why, i64 status, u32 function, u64 a1, u64 a2, u64 a3, u64 a4,
            u64 a5) {
    const CallResult result = make_call(function, a1, a2, a3, a4, a5);
    check(why, result.status() == status, "{}, expected {}", result.status(), status);
    require("a refusal names no values but sizes",
            status == BATON_NOT_SUPPORTED || status == BATON_TOO_BIG ||
                status == BATON_INCOMPLETE || (result.x1 | result.x2 | result.x3) == 0,
            "{x} {x} {x}", result.x1, result.x2, result.x3);
}

u32 times_seen(u32 function, baton_error error) {
    return seen[place(calls, function)][place(errors, error)];
}

void print_table() {
    print("calls x errors, how often each was returned:\n");
    for (usize call = 0; call < std::size(calls); call++) {
        for (usize error = 0; error < std::size(errors); error++) {
            if (const u32 count = seen[call][error]; count != 0) {
                print("table: {} {} {}\n", calls[call].name, errors[error].name, count);
            }
        }
    }
}

void make_kernel() {
    for (usize i = 0; i < kernel_size; i++) {
        kernel[i] = static_cast<std::byte>(i * 37 + i / 256);
    }
    std::memset(initrd, 0x5a, initrd_size);
    put(8, 0, 8);
    put(16, kernel_size + 4096, 8);
    put(24, 0b1010, 8);
    put(56, 0x644d'5241, 4);
}

u64 begun() {
    const CallResult result = begin_load(successor());
    require("a load begins", result.status() == BATON_OK && result.x1 != 0, "{}", result.status());
    return result.x1;
}

void drop_all() {
    const CallResult result = make_call(BATON_LOAD_DROP, 0);
    require("whatever there is can be dropped", result.status() == BATON_OK, "{}", result.status());
}

} // namespace baton::guest
