// SPDX-License-Identifier: BSD-2-Clause
//
// What a guest may not touch ends in the architecture's fault, and the guest goes on. Options:
// bare.

#include "guest-api/guest/hypercall.hpp"
#include "guest-api/guest/mmu.hpp"
#include "guest-api/guest/smp.hpp"

#include <algorithm>

namespace baton::guest {

namespace {

struct Access {
    std::string_view name;
    void (*perform)(u64 address);
    bool write;
};

void load(u64 address) { asm volatile("ldr x9, [%0]" ::"r"(address) : "x9", "memory"); }

/// With a syndrome that names the register (ISV) and without.
constexpr Access accesses[] = {
    {"ldr", load, false},
    {"ldrb", [](u64 at) { asm volatile("ldrb w9, [%0]" ::"r"(at)
                                       : "x9"); }, false},
    {"ldp", [](u64 at) { asm volatile("ldp x9, x10, [%0]" ::"r"(at)
                                      : "x9", "x10"); }, false},
    {"ldr, post-indexed", [](u64 at) { asm volatile("ldr x9, [%0], #8"
                                                    : "+r"(at)::"x9"); }, false},
    {"ldxr", [](u64 at) { asm volatile("ldxr x9, [%0]\n clrex" ::"r"(at)
                                       : "x9"); }, false},
    {"str", [](u64 at) { asm volatile("str xzr, [%0]" ::"r"(at)); }, true},
    {"stp", [](u64 at) { asm volatile("stp xzr, xzr, [%0]" ::"r"(at)); }, true},
};

void must_fault(const Access& access, u64 address) {
    const Fault fault = fault_of([&] { access.perform(address); });
    require("the access faults", fault.taken, "{} {x}", access.name, address);
    require("it is a synchronous external data abort",
            fault.exception_class() == ec_data_abort &&
                fault.status() == synchronous_external_abort && fault.is_write() == access.write,
            "{} {x}: ESR {x}", access.name, address, fault.esr);
    require("FAR is the address", fault.far == address, "{} {x}: FAR {x}", access.name, address,
            fault.far);
}

void must_not_fetch(u64 address) {
    const Fault fault = fault_of([&] { reinterpret_cast<void (*)()>(address)(); });
    require("the fetch is a synchronous external instruction abort",
            fault.taken && fault.exception_class() == ec_instruction_abort &&
                fault.status() == synchronous_external_abort,
            "{x}: ESR {x}", address, fault.esr);
    require("FAR and ELR are the address", fault.far == address && fault.elr == address,
            "{x}: FAR {x} ELR {x}", address, fault.far, fault.elr);
}

/// Both ends of each hole between two ranges of memory, of the spare slot, and of what lies between
/// memory and the end of RAM, which is Baton's; and an address beyond RAM.
StaticVector<u64, 64> forbidden() {
    StaticVector<u64, 64> list;
    const auto& memory = platform().memory;
    const u64 end = memory[memory.size() - 1].end().value;
    for (usize i = 1; i < memory.size(); i++) {
        (void)list.push(memory[i - 1].end().value);
        (void)list.push(memory[i].begin.value - page_size);
    }
    if (above_baton()) {
        const baton_status status = status_now();
        (void)list.push(status.spare_slot);
        (void)list.push(status.spare_slot + status.slot_size - page_size);
        (void)list.push(std::max(end, u64{status.spare_slot + status.slot_size}));
    }
    (void)list.push(align_up(end, GiB) + GiB);
    return list;
}

void accesses_of_this_cpu(std::span<const u64> addresses) {
    for (const u64 address : addresses) {
        for (const Access& access : accesses) {
            must_fault(access, address);
        }
        must_not_fetch(address);
    }
}

/// Its outcome is not defined, but that it comes back is.
void cache_maintenance(u64 address) {
    (void)fault_of([&] { asm volatile("dc civac, %0\n dsb sy" ::"r"(address)); });
    (void)fault_of([&] { asm volatile("dc zva, %0\n dsb sy" ::"r"(address)); });
    (void)fault_of([&] { asm volatile("ic ivau, %0\n dsb sy\n isb" ::"r"(address)); });
    (void)fault_of([&] { asm volatile("prfm pldl1keep, [%0]" ::"r"(address)); });
    (void)fault_of([&] { asm volatile("at s1e1r, %0\n isb" ::"r"(address)); });
    check("cache maintenance of forbidden memory comes back", true);
}

/// A translation table where there is no memory. The level of the walk is not known to a
/// hypervisor without a walk of its own: any will do.
void table_walk(u64 address) {
    constexpr u64 virtual_address = u64{300} << 39;
    map_by_table_at(virtual_address, {address});
    const Fault fault = fault_of([] { load(virtual_address); });
    check("a table in forbidden memory is an external abort on a walk",
          fault.taken && fault.exception_class() == ec_data_abort &&
              fault.status() >= external_abort_on_walk &&
              fault.status() < external_abort_on_walk + 4 && fault.far == virtual_address,
          "ESR {x} FAR {x}", fault.esr, fault.far);
}

/// Accesses to the virtual GIC that no driver makes.
void odd_mmio() {
    const u64 gicd = Node::compatible_with("arm,gic-v3")->reg()->begin.value;
    u32 faults = 0;
    for (const Access& access : accesses) {
        for (const u64 offset : {u64{0}, u64{0x104}, u64{0x8000}, u64{0xfff8}}) {
            faults += !access.write && fault_of([&] { access.perform(gicd + offset); }).taken;
        }
    }
    check("odd accesses to the distributor come back", true);
    print("{} of them faulted\n", faults);
}

} // namespace

void guest_main() {
    const auto addresses = forbidden();
    print("guest: faults: {} CPUs, {} addresses\n", enabled_cpus(), addresses.size());
    for (const u64 address : addresses) {
        print("forbidden: {x}\n", address);
        map({{address}, page_size}, MemoryType::normal);
    }
    check("the spare slot is no memory of the guest's", std::ranges::none_of(addresses, [](u64 at) {
              return platform().is_memory({{at}, page_size});
          }));
    accesses_of_this_cpu({addresses.data(), addresses.size()});
    check("forbidden accesses end in external aborts", failures() == 0);
    cache_maintenance(addresses[0]);
    table_walk(addresses[0]);
    odd_mmio();

    check("all CPUs start", start_all());
    const u32 before = failures();
    run_on_all("all CPUs fault", [&] {
        for (u32 i = 0; i < 10; i++) {
            accesses_of_this_cpu({addresses.data(), addresses.size()});
        }
    });
    check("so they do on all CPUs at once", failures() == before);
}

} // namespace baton::guest
