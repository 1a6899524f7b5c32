// SPDX-License-Identifier: BSD-2-Clause
//
// What the DTB calls memory is memory, all of it; and the DTB is about this guest. Options:
//   least=BYTES    /memory has at least that much
//   initrd=BYTES   an initrd of that size was passed (0: none)
//   pieces=N       /memory has so many

#include "guest-api/guest/check.hpp"
#include "guest-api/guest/platform.hpp"
#include "guest-api/guest/smp.hpp"

#include <algorithm>

namespace baton::guest {

namespace {

u64 total() {
    u64 bytes = 0;
    for (const PhysRange& range : platform().memory) {
        bytes += range.size;
    }
    return bytes;
}

/// Calls `visit` with a page of each 2 MiB block of memory that holds nothing else.
template <class Visit>
void for_each_block(const Visit& visit) {
    for (const PhysRange& range : platform().memory) {
        for (PhysAddr at = range.begin; at < range.end(); at = at + block_size) {
            if (!platform().is_used({at, page_size})) {
                visit(at.value);
            }
        }
        // The last page too: an end that was rounded up shows here.
        const PhysAddr last = range.end() - page_size;
        if (!platform().is_used({last, page_size})) {
            visit(last.value);
        }
    }
}

void touch_all() {
    u64 blocks = 0;
    u64 wrong = 0;
    const Fault fault = fault_of([&] {
        for_each_block([&](u64 at) {
            *reinterpret_cast<volatile u64*>(at) = ~at;
            blocks++;
        });
        for_each_block([&](u64 at) {
            auto* const word = reinterpret_cast<volatile u64*>(at);
            wrong += *word != ~at;
            *word = 0;
        });
    });
    check("all memory can be read and written", !fault.taken, "fault at {x}, ESR {x}", fault.far,
          fault.esr);
    check("no two addresses are the same memory", wrong == 0, "{} of {} blocks", wrong, blocks);
    print("{} blocks\n", blocks);
}

void memory_node() {
    u32 overlaps = 0;
    const auto& memory = platform().memory; // banks come in any order
    for (const PhysRange& range : memory) {
        print("memory {} to {}\n", range.begin, range.end());
        overlaps += range.empty() ? 1 : 0;
        for (const PhysRange* other = &range + 1; other != memory.end(); other++) {
            overlaps += range.overlaps(*other) ? 1 : 0;
        }
        require("memory is made of 4 KiB pages",
                range.begin.is_aligned(page_size) && range.end().is_aligned(page_size));
    }
    check("/memory is without overlap", overlaps == 0);
    if (const u64 pieces = option_number("pieces", 0); pieces != 0) {
        check("memory is in as many pieces as it should be", memory.size() == pieces, "{} of {}",
              memory.size(), pieces);
    }
    const u64 least = option_number("least", 16 * MiB);
    check("there is as much memory as there should be", total() >= least, "{} MiB of {} MiB",
          total() / MiB, least / MiB);
}

void places() {
    const Platform& self = platform();
    check("the image is at a multiple of 2 MiB", self.image.begin.is_aligned(block_size));
    check("the image is in memory", self.is_memory(self.image));
    check("the DTB is in memory", self.is_memory(dtb_range()));
    check("the DTB is aligned to 8 bytes and at most 2 MiB",
          dtb_range().begin.is_aligned(8) && dtb_range().size <= 2 * MiB);
    check("image and DTB are apart", !self.image.overlaps(dtb_range()));
}

void initrd() {
    const Platform& self = platform();
    const u64 size = option_number("initrd", 0);
    check("the initrd is as long as the one that was passed",
          size == (self.initrd ? self.initrd->size : 0), "{} bytes, expected {}",
          self.initrd ? self.initrd->size : 0, size);
    if (self.initrd) {
        const u64 window = align_down(self.image.begin.value, GiB);
        check("the initrd is in memory", self.is_memory(*self.initrd));
        check("the initrd is apart from image and DTB",
              !self.initrd->overlaps(self.image) && !self.initrd->overlaps(dtb_range()));
        check("image and initrd are within 32 GiB", self.initrd->end().value - window <= 32 * GiB);
    }
}

void chosen() {
    check("no option of Baton is in the bootargs",
          platform().bootargs.find("baton.") == std::string_view::npos, "{}", platform().bootargs);
    const auto node = Node::at_path("/chosen");
    u32 modules = 0;
    for (auto child = node->first_child(); child; child = child->next_sibling()) {
        modules += child->text("compatible") == "multiboot,module";
    }
    check("no boot module is left in /chosen", modules == 0, "{}", modules);
    check("no CPU has an idle state", !Node::at_path("/cpus/idle-states") || !above_baton());
}

} // namespace

void guest_main() {
    print("guest: memory: {} MiB, image at {}, DTB at {}\n", total() / MiB, platform().image.begin,
          dtb_range().begin);
    memory_node();
    places();
    initrd();
    chosen();
    touch_all();
}

} // namespace baton::guest
