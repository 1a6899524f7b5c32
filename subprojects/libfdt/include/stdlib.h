/* SPDX-License-Identifier: BSD-2-Clause */
/* libfdt includes this for fdt_overlay.c, which is not built. */
#ifndef BATON_LIBFDT_STDLIB_H
#define BATON_LIBFDT_STDLIB_H

#include <stddef.h>

#endif
