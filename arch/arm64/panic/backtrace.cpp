// SPDX-License-Identifier: BSD-2-Clause
#include "arch/arm64/panic/backtrace.hpp"

#include "arch/arm64/boot/image.hpp"
#include "hyp/log/log.hpp"

namespace baton::arm64 {
namespace {

/// The `.symbols` section as tools/lib/symbols.py writes it: the count, then the entries by rising
/// address, then the names, each ended by a NUL. All zero until the build has filled it in.
struct SymbolTable {
    struct Entry {
        u32 address; // from the image's start
        u32 name;    // from the names' start
    };
    u32 count;
    u32 reserved;

    const Entry* entries() const { return reinterpret_cast<const Entry*>(this + 1); }
    const char* names() const { return reinterpret_cast<const char*>(entries() + count); }
};

constexpr usize symbols_size = 64 * KiB;
[[gnu::section(".symbols"), gnu::used]] constinit const volatile char symbols[symbols_size] = {};

} // namespace

Symbol find_symbol(u64 address) {
    const auto* table = reinterpret_cast<const SymbolTable*>(
        const_cast<const char*>(symbols)); // volatile: not what the compiler saw
    asm volatile("" : "+r"(table));
    const u64 offset = address - image::start();
    if (offset >= image::size() || table->count == 0 || offset < table->entries()[0].address) {
        return {};
    }
    u32 low = 0;
    u32 high = table->count;
    while (high - low > 1) {
        const u32 middle = (low + high) / 2;
        (table->entries()[middle].address <= offset ? low : high) = middle;
    }
    const SymbolTable::Entry& entry = table->entries()[low];
    return {table->names() + entry.name, offset - entry.address};
}

void log_backtrace(u64 pc, u64 fp, u64 stack_end) {
    for (u32 depth = 0; depth < 24; depth++) {
        const Symbol symbol = find_symbol(pc);
        log::line("  #{} {p} {}+{x}", depth, pc, symbol.name, symbol.offset);
        if (fp == 0 || !is_aligned(fp, 16) || fp >= stack_end || stack_end - fp < 16) {
            return;
        }
        const auto* frame = reinterpret_cast<const u64*>(fp);
        if (frame[0] != 0 && frame[0] <= fp) {
            return;
        }
        pc = frame[1];
        fp = frame[0];
        if (pc == 0) {
            return;
        }
    }
}

} // namespace baton::arm64
