// SPDX-License-Identifier: BSD-2-Clause
#include "guest-api/guest/mmu.hpp"

#include "guest-api/guest/console.hpp"
#include "guest-api/guest/platform.hpp"
#include "guest-api/guest/registers.hpp"

#include <algorithm>

namespace baton::guest {

namespace {

constexpr u64 entries = 512;
using Table = std::array<u64, entries>;

} // namespace

/// What entry.S gives to TTBR0_EL1.
extern "C" {
alignas(4096) Table translation_root;
}

namespace {

// Descriptors of VMSAv8-64 stage 1 (D8.3).
constexpr u64 type_block = 0b01, type_table = 0b11;
constexpr u64 access_flag = 1 << 10, inner_shareable = 0b11 << 8;
constexpr u64 never_execute = 0b11ull << 53;
constexpr u64 address_mask = 0x0000'ffff'ffff'f000;

constexpr unsigned root_shift = 39;  // 512 GiB an entry
constexpr unsigned block_shift = 21; // 2 MiB

alignas(4096) std::array<Table, 128> pool;
usize pool_used;

constexpr u64 attributes(MemoryType type) {
    const u64 index = static_cast<u64>(type) << 2;
    return index | access_flag | inner_shareable | type_block |
           (type == MemoryType::device ? never_execute : 0);
}

Table* next_table(u64& entry, unsigned shift) {
    if ((entry & 0b11) == type_table) {
        return reinterpret_cast<Table*>(entry & address_mask);
    }
    if (pool_used == pool.size()) {
        return nullptr;
    }
    Table& table = pool[pool_used++];
    for (u64 i = 0; i < entries; i++) {
        // A block is split into blocks of the same kind; no block becomes no blocks.
        table[i] = (entry & type_block) != 0 ? entry + (i << (shift - 9)) : 0;
    }
    dsb_ishst();
    entry = reinterpret_cast<u64>(&table) | type_table;
    return &table;
}

void map_in(Table& table, unsigned shift, u64 begin, u64 end, MemoryType type) {
    const u64 size = u64{1} << shift;
    while (begin < end) {
        u64& entry = table[(begin >> shift) % entries];
        const u64 stop = std::min(end, align_down(begin, size) + size);
        if (shift != root_shift && stop - begin == size) {
            entry = begin | attributes(type);
        } else if (Table* next = next_table(entry, shift)) {
            map_in(*next, shift - 9, begin, stop, type);
        } else {
            print("FAIL: no room for translation tables\n");
        }
        begin = stop;
    }
}

void map_range(PhysRange range, MemoryType type) {
    const u64 block = u64{1} << block_shift;
    map_in(translation_root, root_shift, align_down(range.begin.value, block),
           align_up(range.end().value, block), type);
}

/// Other CPUs' walks see new tables, and nobody uses what they replace.
void publish() {
    dsb_ishst();
    asm volatile("tlbi vmalle1is" ::: "memory");
    dsb_ish();
    isb();
}

} // namespace

void map(PhysRange range, MemoryType type) {
    map_range(range, type);
    publish();
}

void map_by_table_at(u64 address, PhysAddr table) {
    translation_root[(address >> root_shift) % entries] = table.value | type_table;
    publish();
}

void build_translation() {
    map_range({{0}, u64{1} << root_shift}, MemoryType::device);
    for (const PhysRange& memory : platform().memory) {
        map_range(memory, MemoryType::normal);
    }
    map_range(platform().image, MemoryType::normal);
    map_range(dtb_range(), MemoryType::normal);
}

} // namespace baton::guest
