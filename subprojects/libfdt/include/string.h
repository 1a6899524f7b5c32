/* SPDX-License-Identifier: BSD-2-Clause */
/* What libfdt uses of <string.h>, for a target without a C library. Baton's hyp/libc/string.cpp
   has the bodies. */
#ifndef BATON_LIBFDT_STRING_H
#define BATON_LIBFDT_STRING_H

#include <stddef.h>

void* memcpy(void* to, const void* from, size_t size);
void* memmove(void* to, const void* from, size_t size);
void* memset(void* to, int value, size_t size);
int memcmp(const void* a, const void* b, size_t size);
void* memchr(const void* in, int value, size_t size);
size_t strlen(const char* text);
size_t strnlen(const char* text, size_t limit);
char* strrchr(const char* text, int value);

#endif
