// SPDX-License-Identifier: BSD-2-Clause
#include "arch/arm64/boot/move.hpp"

#include "arch/arm64/boot/boot_machine.hpp"
#include "arch/arm64/boot/boot_memory.hpp"
#include "arch/arm64/boot/el2_map.hpp"
#include "arch/arm64/boot/image.hpp"
#include "arch/arm64/cpu/cache.hpp"
#include "arch/arm64/hypervisor.hpp"
#include "hyp/arch.hpp"

#include <cstring>

namespace baton::arm64 {
namespace {

/// entry.S. The image at `to` is entered with MMU and caches off; nothing of that at `from` stays
/// in a cache.
extern "C" [[noreturn]] void enter_second_life(const El2Controls* controls, const void* dtb, u64 to,
                                               u64 from);

/// What the second life reads again, and tells.
std::optional<PhysRange> find_place(const void* dtb) {
    Hypervisor& baton = hypervisor();
    const auto bytes = locate_dtb(dtb);
    if (!bytes || !read_machine_early(*bytes, baton.platform)) {
        return std::nullopt;
    }
    (void)parse_options(baton.platform.bootargs, baton.options);
    if (!divide(*bytes, baton.platform, baton.division)) {
        return std::nullopt;
    }
    baton.clusters.plan(baton.platform, baton.options.counter_model);
    return plan_move(*bytes);
}

/// The part of the image that nothing is written to but addresses, which are written anew there,
/// and .data as it was loaded; the rest is cleared there.
void copy_image(PhysAddr to) {
    for (const PhysRange& part : {image::text(), image::rodata(), image::pristine()}) {
        std::memcpy(arch::bytes(to + (part.begin.value - image::start())), arch::bytes(part.begin),
                    part.size);
    }
    // It is entered with the MMU off. All of it: what follows is written past the caches.
    cache::clean_invalidate_to_poc({to, image::size()});
}

} // namespace

void begin_second_life(const void* dtb, const El2Controls& controls) {
    PhysAddr to{image::start()};
    const auto place = find_place(dtb);
    if (place && map_early(*place, HypMemory::data)) {
        to = place->begin;
        copy_image(to);
    }
    enter_second_life(&controls, dtb, to.value, image::start());
}

} // namespace baton::arm64
