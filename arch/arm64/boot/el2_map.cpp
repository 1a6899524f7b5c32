// SPDX-License-Identifier: BSD-2-Clause
#include "arch/arm64/boot/el2_map.hpp"
#include "arch/arm64/platform/arch_platform.hpp"

#include "arch/arm64/boot/image.hpp"
#include "arch/arm64/cpu/cache.hpp"
#include "arch/arm64/hypervisor.hpp"
#include "arch/arm64/mmu/around.hpp"
#include "arch/arm64/mmu/stage1.hpp"

#include <algorithm>
#include <array>

namespace baton::arm64 {
namespace {

/// Image, DTB, console and the heads of the boot images: two tables each at most.
constexpr usize early_table_pages = 64;
alignas(page_size) constinit std::array<u8, early_table_pages * page_size> early_tables{};

constinit std::optional<Stage1> early_map{};

bool every_cpu_has_bti() { return ID_AA64PFR1_EL1::bti(read<ID_AA64PFR1_EL1>()) != 0; }

/// In the order in which they go in: a later region wins where two overlap.
using Regions = StaticVector<HypRegion, 1024>;

bool add_image(Regions& regions) {
    return regions.push({image::text(), HypMemory::code}) &&
           regions.push({image::rodata(), HypMemory::constants}) &&
           regions.push({image::data(), HypMemory::data}) &&
           regions.push({image::boot_stack(), HypMemory::data});
}

bool add_around_image(Regions& regions, const HypRegion& region) {
    bool all = true;
    for (const PhysRange& part : outside(region.range, image::whole())) {
        all = all && regions.push({part, region.memory});
    }
    return all;
}

bool add_devices(Regions& regions, const Platform& platform) {
    bool all = true;
    const auto add = [&](PhysRange frame) {
        all = all && regions.push({whole_pages(frame), HypMemory::device});
    };
    if (platform.uart) {
        add(platform.uart->frame);
    }
    add(platform.arch->gic.distributor);
    std::ranges::for_each(platform.arch->gic.redistributors, add);
    std::ranges::for_each(platform.arch->gic.its, add);
    std::ranges::for_each(platform.virtio_mmio, add);
    for (const PciHost& host : platform.pci_hosts) {
        add(host.ecam);
        for (const PciWindow& window : host.windows) {
            add(window.cpu);
        }
    }
    return all;
}

PhysAddr highest_end(const Regions& regions) {
    PhysAddr end{};
    for (const HypRegion& region : regions) {
        end = std::max(end, region.range.end());
    }
    return end;
}

constinit Regions regions{};

} // namespace

// The first map: just the image and the DTB, so that the DTB is read with caches on. Until here
// the MMU was off; what was written so is cleaned and invalidated, see install().
extern "C" void early_mmu_on(u64 dtb) {
    const PhysRange dtb_room{{align_down(dtb, block_size)}, 2 * block_size};
    regions.clear();
    const bool listed =
        add_image(regions) && add_around_image(regions, {dtb_room, HypMemory::data});
    // It may have to map any address: the console's, or the place that Baton moves to.
    const u64 mmfr0 = read_raw<ID_AA64MMFR0_EL1>();
    const PhysAddr end{u64{1} << std::min(PhysicalSize::from(mmfr0).bits, 48U)};
    const auto format = Stage1Format::choose(mmfr0, end, every_cpu_has_bti());
    if (!listed || !format) {
        return; // The MMU stays off: boot_main refuses.
    }
    early_map.emplace(*format, image::between(reinterpret_cast<const char*>(early_tables.begin()),
                                              reinterpret_cast<const char*>(early_tables.end())));
    if (!early_map->build({regions.data(), regions.size()}, {})) {
        return;
    }
    const El2Translation translation = early_map->translation();
    cache::clean_invalidate_to_poc(image::whole());
    install(translation);
}

bool early_map_is_on() { return early_map.has_value() && read<SCTLR_EL2>().has(SCTLR_EL2::M); }

bool map_early(PhysRange range, HypMemory memory) {
    return !early_map || std::ranges::all_of(outside(whole_pages(range), image::whole()),
                                             [&](const PhysRange& part) {
                                                 return early_map->map({part, memory}).has_value();
                                             });
}

Result<void> build_el2_map(PhysRange tables, std::span<const PhysRange> unmapped) {
    Hypervisor& baton = hypervisor();
    regions.clear();
    for (const PhysRange& ram : baton.platform.ram) {
        if (!regions.push({ram, HypMemory::data})) {
            return std::unexpected(Error::too_many);
        }
    }
    if (!add_devices(regions, baton.platform) || !add_image(regions)) {
        return std::unexpected(Error::too_many);
    }
    const auto format = Stage1Format::choose(read_raw<ID_AA64MMFR0_EL1>(), highest_end(regions),
                                             every_cpu_has_bti());
    if (!format) {
        return std::unexpected(format.error());
    }
    baton.map.emplace(*format, tables);
    if (auto built = baton.map->build({regions.data(), regions.size()}, unmapped); !built) {
        return built;
    }
    install(baton.map->translation());
    return {};
}

} // namespace baton::arm64
