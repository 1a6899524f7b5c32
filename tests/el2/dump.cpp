// SPDX-License-Identifier: BSD-2-Clause
//
// Entered at EL2, with the MMU off, prints the state that it finds: "NAME VALUE" lines of system
// registers and of the GIC, first of the boot CPU, then of each other CPU, one at a time. What is
// printed after a host kexec can be compared with what is printed after a cold boot.
#include "arch/arm64/cpu/el1_registers.hpp"
#include "arch/arm64/cpu/registers.hpp"
#include "arch/arm64/gic/gicd.hpp"
#include "arch/arm64/gic/gicr.hpp"
#include "arch/arm64/gic/interrupt_registers.hpp"
#include "arch/arm64/gic/registers.hpp"
#include "arch/arm64/mmio.hpp"
#include "arch/arm64/mmu/registers.hpp"
#include "guest-api/guest/fdt.hpp"
#include "guest-api/guest/smccc.hpp"
#include "hyp/log/format.hpp"

using namespace baton;
using namespace baton::arm64;

namespace {

using guest::Node;

constexpr u64 SYSTEM_OFF = 0x8400'0008;
constexpr u64 CPU_ON = 0xc400'0003;

PhysAddr uart;
/// The CPU that has printed its state. Everybody has caches off, so plain memory serves.
volatile u64 printed;

enum class Pl011 : u32 { DR = 0x00, FR = 0x18 };

void put(std::string_view text) {
    constexpr u32 TXFF = 1 << 5;
    const Mmio<Pl011> port{uart};
    for (const char c : text) {
        while ((port.read(Pl011::FR) & TXFF) != 0) {
        }
        port.write(Pl011::DR, static_cast<u8>(c));
    }
}

template <class... Arguments>
void print(std::string_view pattern, const Arguments&... arguments) {
    std::array<char, 120> buffer;
    put(format(buffer, pattern, arguments...));
}

struct Row {
    const char* name;
    u64 (*read)();
};

template <class Register>
constexpr Row row(const char* name) {
    return {name, [] { return read_raw<Register>(); }};
}

constexpr Row el2[]{
    row<HCR_EL2>("HCR_EL2"),
    row<SCTLR_EL2>("SCTLR_EL2"),
    row<CPTR_EL2>("CPTR_EL2"),
    row<MDCR_EL2>("MDCR_EL2"),
    row<CNTHCTL_EL2>("CNTHCTL_EL2"),
    row<CNTVOFF_EL2>("CNTVOFF_EL2"),
    row<CNTHP_CTL_EL2>("CNTHP_CTL_EL2"),
    row<CNTHP_CVAL_EL2>("CNTHP_CVAL_EL2"),
    row<HSTR_EL2>("HSTR_EL2"),
    row<HACR_EL2>("HACR_EL2"),
    row<VTCR_EL2>("VTCR_EL2"),
    row<VTTBR_EL2>("VTTBR_EL2"),
    row<VPIDR_EL2>("VPIDR_EL2"),
    row<TCR_EL2>("TCR_EL2"),
    row<TTBR0_EL2>("TTBR0_EL2"),
    row<MAIR_EL2>("MAIR_EL2"),
    row<AMAIR_EL2>("AMAIR_EL2"),
    row<VBAR_EL2>("VBAR_EL2"),
    row<TPIDR_EL2>("TPIDR_EL2"),
    row<ACTLR_EL2>("ACTLR_EL2"),
    row<AFSR0_EL2>("AFSR0_EL2"),
    row<AFSR1_EL2>("AFSR1_EL2"),
    row<ESR_EL2>("ESR_EL2"),
    row<FAR_EL2>("FAR_EL2"),
    row<HPFAR_EL2>("HPFAR_EL2"),
    row<ELR_EL2>("ELR_EL2"),
    row<SPSR_EL2>("SPSR_EL2"),
    row<ICC_SRE_EL2>("ICC_SRE_EL2"),
    row<ICH_HCR_EL2>("ICH_HCR_EL2"),
    row<ICH_VMCR_EL2>("ICH_VMCR_EL2"),
    row<ICH_AP0R_EL2<0>>("ICH_AP0R0_EL2"),
    row<ICH_AP1R_EL2<0>>("ICH_AP1R0_EL2"),
    row<ICH_LR_EL2<0>>("ICH_LR0_EL2"),
    row<ICH_LR_EL2<1>>("ICH_LR1_EL2"),
    row<ICH_LR_EL2<2>>("ICH_LR2_EL2"),
    row<ICH_LR_EL2<3>>("ICH_LR3_EL2"),
};

constexpr Row el1[]{
    row<SCTLR_EL1>("SCTLR_EL1"),
    row<CPACR_EL1>("CPACR_EL1"),
    row<TTBR0_EL1>("TTBR0_EL1"),
    row<TTBR1_EL1>("TTBR1_EL1"),
    row<TCR_EL1>("TCR_EL1"),
    row<MAIR_EL1>("MAIR_EL1"),
    row<AMAIR_EL1>("AMAIR_EL1"),
    row<CONTEXTIDR_EL1>("CONTEXTIDR_EL1"),
    row<CSSELR_EL1>("CSSELR_EL1"),
    row<VBAR_EL1>("VBAR_EL1"),
    row<ESR_EL1>("ESR_EL1"),
    row<FAR_EL1>("FAR_EL1"),
    row<PAR_EL1>("PAR_EL1"),
    row<AFSR0_EL1>("AFSR0_EL1"),
    row<AFSR1_EL1>("AFSR1_EL1"),
    row<ELR_EL1>("ELR_EL1"),
    row<SPSR_EL1>("SPSR_EL1"),
    row<SP_EL0>("SP_EL0"),
    row<SP_EL1>("SP_EL1"),
    row<TPIDR_EL0>("TPIDR_EL0"),
    row<TPIDRRO_EL0>("TPIDRRO_EL0"),
    row<TPIDR_EL1>("TPIDR_EL1"),
    row<CNTKCTL_EL1>("CNTKCTL_EL1"),
    row<CNTP_CTL_EL0>("CNTP_CTL_EL0"),
    row<CNTP_CVAL_EL0>("CNTP_CVAL_EL0"),
    row<CNTV_CTL_EL0>("CNTV_CTL_EL0"),
    row<CNTV_CVAL_EL0>("CNTV_CVAL_EL0"),
    row<PMCR_EL0>("PMCR_EL0"),
    row<PMCNTENCLR_EL0>("PMCNTENCLR_EL0"),
    row<PMOVSCLR_EL0>("PMOVSCLR_EL0"),
    row<PMSELR_EL0>("PMSELR_EL0"),
    row<PMUSERENR_EL0>("PMUSERENR_EL0"),
    row<PMINTENCLR_EL1>("PMINTENCLR_EL1"),
    row<PMCCFILTR_EL0>("PMCCFILTR_EL0"),
    row<MDSCR_EL1>("MDSCR_EL1"),
    row<MDCCINT_EL1>("MDCCINT_EL1"),
    row<OSDLR_EL1>("OSDLR_EL1"),
    row<DBGBCR_EL1<0>>("DBGBCR0_EL1"),
    row<DBGBVR_EL1<0>>("DBGBVR0_EL1"),
    row<DBGWCR_EL1<0>>("DBGWCR0_EL1"),
    row<DBGWVR_EL1<0>>("DBGWVR0_EL1"),
    row<ICC_SRE_EL1>("ICC_SRE_EL1"),
    row<ICC_PMR_EL1>("ICC_PMR_EL1"),
    row<ICC_BPR1_EL1>("ICC_BPR1_EL1"),
    row<ICC_CTLR_EL1>("ICC_CTLR_EL1"),
    row<ICC_IGRPEN1_EL1>("ICC_IGRPEN1_EL1"),
    row<ICC_AP1R_EL1<0>>("ICC_AP1R0_EL1"),
};

constexpr Row pointer_authentication[]{
    row<APIAKeyLo_EL1>("APIAKeyLo_EL1"), row<APIAKeyHi_EL1>("APIAKeyHi_EL1"),
    row<APIBKeyLo_EL1>("APIBKeyLo_EL1"), row<APDAKeyLo_EL1>("APDAKeyLo_EL1"),
    row<APDBKeyLo_EL1>("APDBKeyLo_EL1"), row<APGAKeyLo_EL1>("APGAKeyLo_EL1"),
};
constexpr Row more_controls[]{row<HCRX_EL2>("HCRX_EL2")};
constexpr Row fine_traps[]{
    row<HFGRTR_EL2>("HFGRTR_EL2"),   row<HFGWTR_EL2>("HFGWTR_EL2"),   row<HFGITR_EL2>("HFGITR_EL2"),
    row<HDFGRTR_EL2>("HDFGRTR_EL2"), row<HDFGWTR_EL2>("HDFGWTR_EL2"),
};
constexpr Row vectors[]{row<ZCR_EL2>("ZCR_EL2"), row<ZCR_EL1>("ZCR_EL1")};
constexpr Row matrices[]{row<SMCR_EL2>("SMCR_EL2"), row<SMCR_EL1>("SMCR_EL1")};
constexpr Row tags[]{row<GCR_EL1>("GCR_EL1"), row<RGSR_EL1>("RGSR_EL1"), row<TFSR_EL1>("TFSR_EL1")};

template <usize count>
void dump(const Row (&rows)[count], bool there = true) {
    for (const Row& each : rows) {
        if (there) {
            print("{} {x}\n", each.name, each.read());
        }
    }
}

void dump_registers() {
    dump(el2);
    dump(el1);
    dump(pointer_authentication,
         ID_AA64ISAR1_EL1::pointer_authentication(read<ID_AA64ISAR1_EL1>()));
    dump(more_controls, ID_AA64MMFR1_EL1::hcx(read<ID_AA64MMFR1_EL1>()) != 0);
    dump(fine_traps, ID_AA64MMFR0_EL1::fine_grained_traps(read<ID_AA64MMFR0_EL1>()) != 0);
    dump(tags, ID_AA64PFR1_EL1::mte(read<ID_AA64PFR1_EL1>()) >= 2);
    // Of CPTR_EL2 only after it has been printed.
    write(read<CPTR_EL2>().without(CPTR_EL2::TZ | CPTR_EL2::TSM));
    asm volatile("isb");
    dump(vectors, ID_AA64PFR0_EL1::sve(read<ID_AA64PFR0_EL1>()) != 0);
    dump(matrices, ID_AA64PFR1_EL1::sme(read<ID_AA64PFR1_EL1>()) != 0);
    print("VMPIDR_EL2-MPIDR_EL1 {x}\n", read_raw<VMPIDR_EL2>() - read_raw<MPIDR_EL1>());
}

using Interrupts = Mmio<gic::InterruptRegister>;

void dump_bank(const char* frame, const Interrupts& registers, u32 bank) {
    using enum gic::InterruptRegister;
    const u64 word = u64{bank} * 4;
    print("{}_ISENABLER{} {x}\n", frame, bank, registers.read(ISENABLER, word));
    print("{}_ISPENDR{} {x}\n", frame, bank, registers.read(ISPENDR, word));
    print("{}_ISACTIVER{} {x}\n", frame, bank, registers.read(ISACTIVER, word));
    print("{}_IGROUPR{} {x}\n", frame, bank, registers.read(IGROUPR, word));
    print("{}_ICFGR{} {x}{x}\n", frame, bank, registers.read(ICFGR, 2 * word + 4),
          registers.read(ICFGR, 2 * word));
    u64 priorities = 0;
    for (u64 at = 0; at < 32; at += 4) {
        priorities |= registers.read(IPRIORITYR, u64{bank} * 32 + at);
    }
    print("{}_IPRIORITYR{} {x}\n", frame, bank, priorities);
}

void dump_distributor() {
    const PhysAddr frame = Node::compatible_with("arm,gic-v3")->reg()->begin;
    const Mmio<gic::Gicd32, gic::Gicd64> registers{frame};
    print("GICD_CTLR {x}\n", registers.read(gic::Gicd32::CTLR));
    const u32 banks = (registers.read(gic::Gicd32::TYPER) & gic::gicd_typer::ITLinesNumber) + 1;
    u32 elsewhere = 0;
    for (u32 bank = 1; bank < banks; bank++) {
        dump_bank("GICD", Interrupts{frame}, bank);
        for (u64 spi = u64{bank} * 32; spi < u64{bank} * 32 + 32; spi++) {
            elsewhere += registers.read(gic::Gicd64::IROUTER, 8 * spi) !=
                         (read_raw<MPIDR_EL1>() & MPIDR_EL1::affinity_mask);
        }
    }
    print("SPIs-routed-to-other-CPUs {}\n", elsewhere);
}

void dump_redistributor() {
    const PhysRange all = *Node::compatible_with("arm,gic-v3")->reg(1);
    const Affinity affinity = affinity_of(Mpidr{read_raw<MPIDR_EL1>() & MPIDR_EL1::affinity_mask});
    for (u64 at = 0; at < all.size; at += 2 * gic::gicr_frame_size) {
        const Mmio<gic::Gicr32, gic::Gicr64> frame{all.begin + at};
        if (gic::gicr_typer::affinity(frame.read(gic::Gicr64::TYPER)) == affinity) {
            print("GICR_CTLR {x}\n", frame.read(gic::Gicr32::CTLR));
            print("GICR_WAKER {x}\n", frame.read(gic::Gicr32::WAKER));
            dump_bank("GICR", Interrupts{all.begin + at + gic::gicr_sgi_base}, 0);
            return;
        }
    }
}

void dump_cpu(const char* role) {
    print("dump: {} CPU {x}\n", role, read_raw<MPIDR_EL1>() & MPIDR_EL1::affinity_mask);
    dump_registers();
    dump_redistributor();
}

extern "C" char ap_entry[];

bool start(const Node& cpu, u64 mpidr) {
    const u64 entry = reinterpret_cast<u64>(ap_entry);
    if (cpu.text("enable-method") == "spin-table") {
        *reinterpret_cast<volatile u64*>(*cpu.number("cpu-release-addr")) = entry;
        asm volatile("dsb sy\n sev" ::: "memory"); // it looks after it has woken
        return true;
    }
    return guest::call(guest::Conduit::smc, CPU_ON, mpidr, entry, 0).status() == 0;
}

} // namespace

// What libfdt, built with Baton's options, and the standard library's headers call.
extern "C" {
constinit u64 __stack_chk_guard = 0x00de'adbe'ef00'c0de;
[[noreturn]] void __stack_chk_fail() {
    put("FAIL: stack guard overwritten\n");
    for (;;) {
    }
}
}

extern "C" void dump_ap() {
    dump_cpu("other");
    printed = read_raw<MPIDR_EL1>() & MPIDR_EL1::affinity_mask;
    for (;;) {
        asm volatile("wfi");
    }
}

extern "C" void dump_boot_cpu(const void* dtb) {
    const u64 entered = read_raw<CNTPCT_EL0>();
    if (!guest::use_dtb(dtb)) {
        return;
    }
    uart = Node::console()->reg()->begin;
    // The other CPUs stay as the last owner of the machine has left them, to be looked at from
    // outside.
    if (Node::at_path("/chosen")->text("bootargs") == "hold") {
        print("dump: hold\n");
        for (;;) {
            asm volatile("wfi");
        }
    }
    print("entered at {} ticks of {} a second\n", entered, read_raw<CNTFRQ_EL0>());
    dump_cpu("boot");
    dump_distributor();
    const u64 self = read_raw<MPIDR_EL1>() & MPIDR_EL1::affinity_mask;
    printed = self;
    for (auto cpu = Node::at_path("/cpus")->first_child(); cpu; cpu = cpu->next_sibling()) {
        const u64 mpidr = cpu->number("reg").value_or(self);
        if (cpu->text("device_type") == "cpu" && mpidr != self && start(*cpu, mpidr)) {
            while (printed != mpidr) {
            }
        }
    }
    print("dump: end\n");
    (void)guest::call(guest::Conduit::smc, SYSTEM_OFF);
}
