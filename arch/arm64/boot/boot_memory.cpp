// SPDX-License-Identifier: BSD-2-Clause
#include "arch/arm64/boot/boot_memory.hpp"

#include "arch/arm64/boot/boot_vms.hpp"
#include "arch/arm64/boot/el2_map.hpp"
#include "arch/arm64/boot/image.hpp"
#include "arch/arm64/hypervisor.hpp"
#include "hyp/arch.hpp"
#include "hyp/log/log.hpp"

#include <algorithm>
#include <cstring>
#include <memory>
#include <new>

namespace baton::arm64 {
namespace {

/// The code of waiting, then the table.
constexpr u64 spin_table_size = page_size + align_up(max_cpus * spin_table_entry_size, page_size);
/// Per CPU: a guard page, the stack, a guard page, the emergency stack.
constexpr u64 stacks_size = 2 * page_size + stack_size + emergency_stack_size;

/// A boot image that can't be one.
struct ImageProblem {
    PhysAddr kernel;
    Error error;
    const char* advice;
};

/// What the largest of a VM's boot images needs of a slot.
std::expected<u64, ImageProblem> least_slot_size(const VmConfig& vm, Granules granules) {
    u64 least = 0;
    for (const BootImage& image : vm.boot_images) {
        const PhysAddr at = image.kernel.begin;
        if (!map_early({at, page_size}, HypMemory::constants)) {
            return std::unexpected(ImageProblem{
                at, Error::no_room, "there are more boot modules than the first map has room for"});
        }
        const std::span<const std::byte> header{
            arch::bytes(at), std::min<usize>(image.kernel.size, image_header_size)};
        const auto info = arch::parse_image(header, image.kernel.size, granules);
        if (!info) {
            return std::unexpected(ImageProblem{
                at, info.error(),
                "a boot module of type kernel must be an arm64 Image, not compressed"});
        }
        const auto size = slot_size_for(*info, {.initrd = image.ramdisk ? image.ramdisk->size : 0});
        if (!size) {
            return std::unexpected(
                ImageProblem{at, size.error(), "kernel and initrd are beyond all measure"});
        }
        least = std::max(least, *size);
    }
    return least;
}

/// Each end of a range can need one more table at two levels.
u64 el2_table_pages() {
    const Platform& platform = hypervisor().platform;
    constexpr u64 fixed = 192;
    constexpr u64 per_range = 4;
    return fixed + per_range * (platform.ram.size() + platform.reserved.size());
}

u64 kept_tables_size() {
    const auto& tables = hypervisor().platform.tables;
    return tables ? tables->kept_size() : 0;
}

u64 pool_size(std::span<const std::byte> dtb) {
    const u64 cpus = hypervisor().platform.cpus.size();
    return align_up(cpus * sizeof(PerCpu), page_size) + vms_pool_size() + cpus * stacks_size +
           align_up(hypervisor().clusters.memory_size(), page_size) +
           align_up(dtb.size(), page_size) + align_up(kept_tables_size(), page_size) +
           spin_table_size + el2_table_pages() * page_size;
}

/// Left out of the EL2 map: guard pages, two for each CPU and one for the boot stack, and what
/// nobody may map, for even a speculative access to it can be an error. Too large for a stack.
constinit StaticVector<PhysRange, 2 * max_cpus + 1 + Platform::max_reserved> unmapped{};

void lay_out_cpus() {
    Hypervisor& baton = hypervisor();
    const usize count = baton.platform.cpus.size();
    baton.clusters.lay_out(take_pages(baton.clusters.memory_size()));
    auto* first = reinterpret_cast<PerCpu*>(take_pages(count * sizeof(PerCpu)).begin.value);
    for (usize i = 0; i < count; i++) {
        const PhysAddr guard = take_pages(stacks_size).begin;
        const PhysAddr stack = guard + page_size;
        const PhysAddr second_guard = stack + stack_size;
        const PhysAddr emergency = second_guard + page_size;
        PerCpu* cpu = std::construct_at(first + i);
        cpu->id = CpuId{static_cast<u32>(i)};
        cpu->mpidr = Mpidr{baton.platform.cpus[i].firmware_id};
        cpu->cluster = baton.clusters.seat(baton.platform, cpu->id);
        cpu->stack_top = (stack + stack_size).value;
        cpu->emergency_stack_top = (emergency + emergency_stack_size).value;
        (void)unmapped.push({guard, page_size});
        (void)unmapped.push({second_guard, page_size});
    }
    baton.cpus = {std::launder(first), count};
}

constinit LayoutScratch layout_scratch{};

/// By VmId.
using LeastSlots = std::array<u64, max_vms>;

std::expected<LeastSlots, ImageProblem> least_slot_sizes() {
    const auto vms = hypervisor().division.vms();
    LeastSlots least{};
    for (usize vm = 0; vm < vms.size(); vm++) {
        const auto size = least_slot_size(vms[vm], cpu_granules());
        if (!size) {
            return std::unexpected(size.error());
        }
        least[vm] = *size;
    }
    return least;
}

constinit StaticVector<PhysRange, max_vms * 2 * BootImages::capacity> modules{};

void collect_modules() {
    modules.clear();
    for (const VmConfig& vm : hypervisor().division.vms()) {
        for (const BootImage& image : vm.boot_images) {
            (void)modules.push(image.kernel); // two for each image of each VM: never full
            if (image.ramdisk) {
                (void)modules.push(*image.ramdisk);
            }
        }
    }
}

/// @param loaded where the loader put Baton
std::expected<const MemoryLayout*, MemoryShortage>
plan(std::span<const std::byte> dtb, PhysRange loaded, bool may_move, const LeastSlots& least) {
    const Hypervisor& baton = hypervisor();
    const auto vms = baton.division.vms();
    StaticVector<VmMemoryRequest, max_vms> others;
    for (usize vm = 1; vm < vms.size(); vm++) {
        (void)others.push({vms[vm].memory, vms[vm].slot_size, least[vm]}); // at most max_vms
    }
    StaticVector<u64, max_shared_regions> shared;
    for (const SharedRegion& region : baton.division.shared()) {
        (void)shared.push(region.size); // as many as the division has
    }
    collect_modules();
    return plan_memory(
        {.ram = {baton.platform.ram.begin(), baton.platform.ram.end()},
         .reserved = {baton.platform.reserved.begin(), baton.platform.reserved.end()},
         .image = loaded,
         .may_move = may_move,
         .dtb = {{reinterpret_cast<u64>(dtb.data())}, dtb.size()},
         .bundle = baton.platform.bundle,
         .modules = {modules.data(), modules.size()},
         .keeps_modules = baton.options.rotate || vms.size() > 1,
         .pool_size = pool_size(dtb),
         .slot_size = baton.options.slot_size,
         .least_slot_size = least[0],
         .vms = {others.data(), others.size()},
         .shared = {shared.data(), shared.size()}},
        layout_scratch);
}

/// Whom there is no room for.
void log_shortage(const MemoryShortage& shortage) {
    const Division& division = hypervisor().division;
    if (shortage.shared) {
        log::line("memory: {}: shared memory {}", shortage.what,
                  division.shared()[*shortage.shared].name);
        return;
    }
    const usize vm = shortage.vm ? *shortage.vm + 1 : 0;
    log::line("memory: {}{}{}: wanted two slots of {} MiB, the images need {} MiB each, two of "
              "{} MiB would fit beside a pool of {} MiB",
              vm == 0 ? "" : "VM ", vm == 0 ? "" : division.vms()[vm].name, vm == 0 ? "" : ": ",
              shortage.wanted_slot_size / MiB, shortage.least_slot_size / MiB,
              shortage.largest_slot_size / MiB, shortage.pool_size / MiB);
    log::line("memory: {}", shortage.what);
}

} // namespace

PhysRange take_pages(u64 size) {
    const auto pages = hypervisor().pool.take(align_up(size, page_size), page_size);
    if (!pages) {
        refuse_to_boot("the pool is too small for what it was planned for");
    }
    return *pages;
}

Granules cpu_granules() {
    const auto mmfr0 = read<ID_AA64MMFR0_EL1>();
    return {.kib4 = mmfr0.field(28, 4) != 0xf,
            .kib16 = mmfr0.field(20, 4) != 0,
            .kib64 = mmfr0.field(24, 4) != 0xf};
}

std::optional<PhysRange> plan_move(std::span<const std::byte> dtb) {
    const auto least = least_slot_sizes();
    if (!least) {
        return std::nullopt;
    }
    const auto layout = plan(dtb, image::whole(), true, *least);
    if (!layout || !(*layout)->moves(image::whole())) {
        return std::nullopt;
    }
    return (*layout)->image;
}

void plan_boot_memory(std::span<const std::byte> dtb, PhysAddr loaded) {
    const auto least = least_slot_sizes();
    if (!least) {
        const ImageProblem& problem = least.error();
        log::line("boot image at {}: {}", problem.kernel, describe(problem.error));
        refuse_to_boot(problem.advice);
    }
    const PhysRange was{loaded, image::size()};
    const bool has_moved = image::whole() != was;
    const auto planned = plan(dtb, was, has_moved, *least);
    if (!planned) {
        log_shortage(planned.error());
        refuse_to_boot("give the machine more RAM, or baton.slot=SIZE a size that fits");
    }
    MemoryLayout& layout = hypervisor().layout;
    layout = **planned;
    if (!layout.image.contains(image::whole())) {
        refuse_to_boot("the DTB changed while it was read");
    }
    hypervisor().pool = BumpAllocator{layout.pool};
    log::line("slots of {} MiB at {} and {}, Baton's own {} MiB at {}", layout.slots[0].size / MiB,
              layout.slots[0].begin, layout.slots[1].begin,
              (layout.pool.size + (has_moved ? layout.image.size : 0)) / MiB, layout.pool.begin);
    if (has_moved) {
        log::line("Baton runs at {}, and was loaded at {}", layout.image.begin, loaded);
    } else {
        log::line("Baton stays at {}, where it was loaded: no other place is better", loaded);
    }
}

void lay_out_pool() {
    if (!map_early(hypervisor().layout.pool, HypMemory::data)) {
        refuse_to_boot("the first map has no room for the pool");
    }
    const PhysRange el2_tables = take_pages(el2_table_pages() * page_size);
    lay_out_cpus();
    lay_out_vms();
    if (hypervisor().options.park == ParkMode::wfe) {
        const PhysRange memory = take_pages(spin_table_size);
        hypervisor().spin_table = {.memory = memory, .table = memory.begin + page_size};
    }
    (void)unmapped.push(image::boot_stack_guard());
    for (const ReservedRange& reserved : hypervisor().platform.reserved) {
        if (reserved.no_map || reserved.opaque) {
            (void)unmapped.push(whole_pages(reserved.range));
        }
    }
    if (auto built = build_el2_map(el2_tables, {unmapped.data(), unmapped.size()}); !built) {
        log::line("EL2 map: {}", describe(built.error()));
        refuse_to_boot("Baton cannot map this machine");
    }
}

std::span<const std::byte> keep_description(std::span<const std::byte> dtb) {
    Platform& platform = hypervisor().platform;
    std::byte* copy = arch::bytes(take_pages(dtb.size()).begin);
    std::memcpy(copy, dtb.data(), dtb.size());
    const std::span<const std::byte> kept{copy, dtb.size()};
    refer_to(kept, dtb, platform);
    if (platform.tables) {
        const usize size = platform.tables->kept_size();
        platform.tables->keep({arch::bytes(take_pages(size).begin), size});
    }
    divide_machine(kept);
    return kept;
}

} // namespace baton::arm64
