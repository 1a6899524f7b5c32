// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/types.hpp"

/// What string.cpp's functions do, under names that do not clash with the C library of a machine
/// that tests them. Whole kernels are copied with these: eight bytes at a time wherever both sides
/// have the same alignment, and never an unaligned word, so that they are right with the MMU off.
namespace baton::libc {

/// A word that lies over bytes of any type.
template <class Word>
struct Aliasing {
    using Type [[gnu::may_alias]] = Word;
};

/// Is every address of both sides a multiple of Word's size at the same time?
template <class Word>
bool in_step(const void* a, const void* b) {
    const auto difference = reinterpret_cast<usize>(a) ^ reinterpret_cast<usize>(b);
    return difference % sizeof(Word) == 0;
}

/// Upwards in Words; `to` may overlap `from` from below.
template <class Word>
void copy_up(u8* to, const u8* from, usize size) {
    using Aliased = typename Aliasing<Word>::Type;
    for (; size != 0 && reinterpret_cast<usize>(to) % sizeof(Word) != 0; size--) {
        *to++ = *from++;
    }
    for (; size >= 4 * sizeof(Word); size -= 4 * sizeof(Word)) {
        const auto* source = reinterpret_cast<const Aliased*>(from);
        auto* target = reinterpret_cast<Aliased*>(to);
        const Word w0 = source[0];
        const Word w1 = source[1];
        const Word w2 = source[2];
        const Word w3 = source[3];
        target[0] = w0;
        target[1] = w1;
        target[2] = w2;
        target[3] = w3;
        from += 4 * sizeof(Word);
        to += 4 * sizeof(Word);
    }
    for (; size != 0; size--) {
        *to++ = *from++;
    }
}

/// Downwards in Words; `to` may overlap `from` from above.
template <class Word>
void copy_down(u8* to, const u8* from, usize size) {
    using Aliased = typename Aliasing<Word>::Type;
    to += size;
    from += size;
    for (; size != 0 && reinterpret_cast<usize>(to) % sizeof(Word) != 0; size--) {
        *--to = *--from;
    }
    for (; size >= sizeof(Word); size -= sizeof(Word)) {
        from -= sizeof(Word);
        to -= sizeof(Word);
        *reinterpret_cast<Aliased*>(to) = *reinterpret_cast<const Aliased*>(from);
    }
    for (; size != 0; size--) {
        *--to = *--from;
    }
}

inline void copy(void* to, const void* from, usize size) {
    auto* target = static_cast<u8*>(to);
    const auto* source = static_cast<const u8*>(from);
    if (in_step<u64>(to, from)) {
        copy_up<u64>(target, source, size);
    } else if (in_step<u32>(to, from)) {
        copy_up<u32>(target, source, size);
    } else {
        copy_up<u8>(target, source, size);
    }
}

inline void move(void* to, const void* from, usize size) {
    auto* target = static_cast<u8*>(to);
    const auto* source = static_cast<const u8*>(from);
    if (reinterpret_cast<usize>(to) - reinterpret_cast<usize>(from) >= size) {
        copy(to, from, size);
    } else if (in_step<u64>(to, from)) {
        copy_down<u64>(target, source, size);
    } else if (in_step<u32>(to, from)) {
        copy_down<u32>(target, source, size);
    } else {
        copy_down<u8>(target, source, size);
    }
}

inline void fill(void* to, u8 value, usize size) {
    using Aliased = Aliasing<u64>::Type;
    auto* target = static_cast<u8*>(to);
    const u64 word = value * 0x0101'0101'0101'0101U;
    for (; size != 0 && reinterpret_cast<usize>(target) % sizeof(u64) != 0; size--) {
        *target++ = value;
    }
    for (; size >= 4 * sizeof(u64); size -= 4 * sizeof(u64)) {
        auto* words = reinterpret_cast<Aliased*>(target);
        words[0] = word;
        words[1] = word;
        words[2] = word;
        words[3] = word;
        target += 4 * sizeof(u64);
    }
    for (; size != 0; size--) {
        *target++ = value;
    }
}

/// < 0, 0, > 0 by the first byte that differs.
inline int compare(const void* a, const void* b, usize size) {
    const auto* x = static_cast<const u8*>(a);
    const auto* y = static_cast<const u8*>(b);
    for (; size != 0; size--, x++, y++) {
        if (*x != *y) {
            return *x - *y;
        }
    }
    return 0;
}

/// The first byte of that value, or nullptr.
inline const void* find(const void* in, u8 value, usize size) {
    const auto* bytes = static_cast<const u8*>(in);
    for (; size != 0; size--, bytes++) {
        if (*bytes == value) {
            return bytes;
        }
    }
    return nullptr;
}

/// Bytes before the NUL, at most `limit`.
inline usize length(const char* text, usize limit) {
    usize size = 0;
    while (size < limit && text[size] != '\0') {
        size++;
    }
    return size;
}

/// The last character of that value, the NUL included, or nullptr.
inline const char* find_last(const char* text, char value) {
    const char* last = nullptr;
    for (;; text++) {
        if (*text == value) {
            last = text;
        }
        if (*text == '\0') {
            return last;
        }
    }
}

} // namespace baton::libc
