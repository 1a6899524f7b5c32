// SPDX-License-Identifier: BSD-2-Clause

/// The functions of <string.h> that the compiler emits calls to and that libfdt needs. Built with
/// -fno-builtin, so that no loop in here becomes a call to itself.
#include "hyp/libc/memory_ops.hpp"

namespace libc = baton::libc;
using baton::u8;
using baton::usize;

extern "C" {

void* memcpy(void* to, const void* from, usize size) {
    libc::copy(to, from, size);
    return to;
}

void* memmove(void* to, const void* from, usize size) {
    libc::move(to, from, size);
    return to;
}

void* memset(void* to, int value, usize size) {
    libc::fill(to, static_cast<u8>(value), size);
    return to;
}

int memcmp(const void* a, const void* b, usize size) { return libc::compare(a, b, size); }

void* memchr(const void* in, int value, usize size) {
    return const_cast<void*>(libc::find(in, static_cast<u8>(value), size));
}

usize strlen(const char* text) { return libc::length(text, ~usize{0}); }

usize strnlen(const char* text, usize limit) { return libc::length(text, limit); }

char* strrchr(const char* text, int value) {
    return const_cast<char*>(libc::find_last(text, static_cast<char>(value)));
}
}
