// SPDX-License-Identifier: BSD-2-Clause
//
// Tries to reach from one VM what is another's, or Baton's, by every door of which it knows, from
// all its CPUs at once. That nothing is changed there the canary sees. Options:
//   seconds=N   again and again for so long, by the counter
//   ram=MIB     of the machine, from 1 GiB on
//   cpus=N      of the machine, whose affinities are below N
//   vms=N       of the machine
//   host        it is the host VM, which has all that no other one has

#include "guest-api/guest/gic.hpp"
#include "guest-api/guest/hypercall.hpp"
#include "guest-api/guest/mmu.hpp"
#include "guest-api/guest/shared_memory.hpp"
#include "guest-api/guest/smp.hpp"
#include "tests/guests/intruder_gic.hpp"

#include <algorithm>

namespace baton::guest {

namespace {

/// Of QEMU's board.
constexpr u64 ram_start = GiB;
constexpr PhysRange device_frames{{0x0900'0000}, 0x0102'0000};
/// PCI's windows and its configuration space.
constexpr u64 pci_frames[] = {0x1000'0000, 0x3eff'0000, 0x40'1000'0000, 0x80'0000'0000};

std::optional<SharedMemory> shared;

/// A node or one below it has it in `reg`.
bool names_page(const Node& node, PhysRange page) {
    for (unsigned i = 0; const auto range = node.reg(i); i++) {
        if (whole_pages(*range).overlaps(page)) {
            return true;
        }
    }
    for (auto child = node.first_child(); child; child = child->next_sibling()) {
        if (names_page(*child, page)) {
            return true;
        }
    }
    return false;
}

bool is_external_abort(const Fault& fault) {
    return fault.taken && fault.exception_class() == ec_data_abort &&
           fault.status() == synchronous_external_abort;
}

void must_not_reach(u64 address) {
    const Fault load = fault_of([&] {
        asm volatile("ldr x9, [%0]" ::"r"(address) : "x9", "memory");
    });
    require("a load of what is another's is an external abort", is_external_abort(load),
            "{x}: ESR {x}", address, load.esr);
    const Fault store = fault_of([&] { asm volatile("str xzr, [%0]" ::"r"(address) : "memory"); });
    require("a store to what is another's is an external abort", is_external_abort(store),
            "{x}: ESR {x}", address, store.esr);
}

/// All other VMs' and Baton's, wherever they are. Returns how many addresses.
u32 reach_for_ram() {
    u32 tried = 0;
    const u64 end = ram_start + option_number("ram", 1024) * MiB;
    for (u64 block = ram_start; block < end; block += block_size) {
        for (const u64 offset : {u64{0}, block_size / 2 + 8, block_size - 8}) {
            const PhysRange word{{block + offset}, 8};
            if (platform().is_memory(word) || platform().is_used(word) ||
                (shared && shared->range.overlaps(word))) {
                continue;
            }
            must_not_reach(word.begin.value);
            tried++;
        }
    }
    return tried;
}

/// The frames of devices that are not in the DTB, found once.
StaticVector<u64, 1024> foreign_frames;
/// The ITS's, and in the last one GITS_TRANSLATER: who writes there makes an LPI.
constexpr u64 its_frames[] = {0x0808'0000, 0x0809'0000, 0x0809'0040};

void find_foreign_frames() {
    const auto root = Node::at_path("/");
    const auto add = [&](u64 frame) {
        if (!names_page(*root, {{frame}, page_size})) {
            (void)foreign_frames.push(frame);
        }
    };
    constexpr u64 step = 16 * page_size;
    for (u64 at = device_frames.begin.value; at < device_frames.end().value; at += step) {
        add(at);
    }
    for (u64 page = 1; page < 4; page++) { // where virtio's are
        add(0x0a00'0000 + page * page_size);
    }
    for (const u64 at : its_frames) {
        map(whole_pages({{at}, 1}), MemoryType::device);
        add(at);
    }
    if (!Node::compatible_with("pci-host-ecam-generic")) {
        for (const u64 at : pci_frames) {
            map({{at}, page_size}, MemoryType::device);
            add(at);
        }
    }
}

void reach_for_devices() {
    for (const u64 frame : foreign_frames) {
        must_not_reach(frame);
    }
}

void reach_for_cpus() {
    for (u64 affinity = 0; affinity < option_number("cpus", 8); affinity++) {
        if (is_own_affinity(affinity)) {
            continue;
        }
        const psci::Status on = psci::cpu_on(affinity, platform().image.begin.value, 0);
        require("CPU_ON of another VM's CPU: INVALID_PARAMETERS",
                on == psci::Status::invalid_parameters, "{}: {}", affinity,
                static_cast<std::int64_t>(on));
        const auto info = static_cast<std::int64_t>(psci::affinity_info(affinity));
        require("AFFINITY_INFO of another VM's CPU: INVALID_PARAMETERS",
                info == static_cast<std::int64_t>(psci::Status::invalid_parameters), "{}: {}",
                affinity, info);
    }
}

void reach_for_bells() {
    constexpr u64 numbers[] = {0, 1, 2, 3, 15, 16, 0xffff'ffff, ~u64{0}};
    for (const u64 number : numbers) {
        if (!shared || shared->number != number) {
            const std::int64_t status = SharedMemory::ring(number).status();
            require("the bell of a region that is not this VM's is refused",
                    status == BATON_INVALID_PARAMETER, "{}: {}", number, status);
        }
    }
}

void must_not_be_allowed(std::string_view what, u32 vm, std::int64_t status) {
    require("no VM but the host VM manages another one", status == BATON_NOT_ALLOWED,
            "{} of {}: {}", what, vm, status);
}

/// The calls by which the host VM manages the others.
void reach_for_vms() {
    if (option("host")) {
        return;
    }
    u32 vms = 0, allowed = 0;
    for (u32 vm = 0; vm < option_number("vms", 3); vm++) {
        baton_vm_status found{};
        const std::int64_t status =
            hypercall(BATON_VM_STATUS, vm, address_of(&found), sizeof found).status();
        vms++;
        if (status == BATON_OK) {
            allowed++;
            require("its status is this VM's", found.status.cpus == cpus().size(), "{}: {} CPUs",
                    vm, found.status.cpus);
            continue;
        }
        must_not_be_allowed("status", vm, status);
        must_not_be_allowed("start", vm, hypercall(BATON_VM_POWER, vm, BATON_VM_START).status());
        must_not_be_allowed("stop", vm, hypercall(BATON_VM_POWER, vm, BATON_VM_STOP).status());
        if (vm != 0) { // in a load that is the caller itself
            baton_load load{};
            load.piece_count = 1;
            load.vm = vm;
            load.pieces[0] = {BATON_PIECE_KERNEL, 0, page_size};
            must_not_be_allowed(
                "load", vm, hypercall(BATON_LOAD_BEGIN, address_of(&load), sizeof load).status());
        }
    }
    require("it may ask for one VM's status, its own", allowed == 1, "{} of {}", allowed, vms);
}

void reach_for_all() {
    reach_for_ram();
    reach_for_devices();
    reach_for_spis();
    reach_for_redistributors();
    reach_for_lpis();
    send_foreign_sgis(option_number("cpus", 8));
    reach_for_cpus();
    reach_for_bells();
    reach_for_vms();
}

} // namespace

bool is_own_affinity(u64 affinity) {
    return std::ranges::any_of(cpus(), [&](const Cpu& cpu) { return cpu.mpidr == affinity; });
}

void guest_main() {
    const u64 seconds = option_number("seconds", 5);
    shared = SharedMemory::find();
    map({{ram_start}, option_number("ram", 1024) * MiB}, MemoryType::normal);
    find_foreign_frames();
    check("all CPUs start", start_all());
    print("guest: intruder: {} CPUs, {} s\n", cpus().size(), seconds);
    check("there is RAM that is not this VM's", reach_for_ram() != 0);
    check("there are devices that are not this VM's", !foreign_frames.empty() || option("host"));
    check("there are SPIs that are not this VM's", reach_for_spis() != 0);
    check("there are CPUs that are not this VM's", reach_for_redistributors() != 0);
    check("LPIs are tried on all CPUs' frames, where the ITS is another VM's",
          (reach_for_lpis() != 0) != option("host"));
    examine_own_spis();
    const u64 end = now() + ticks_of_us(seconds * 1'000'000);
    run_on_all("all CPUs try", [&] {
        do {
            reach_for_all();
        } while (now() < end);
    });
    check("nothing of another VM's can be reached", failures() == 0);
}

} // namespace baton::guest
