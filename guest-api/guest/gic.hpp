// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "guest-api/guest/cpu.hpp"

/// A GICv3 with system registers. INTIDs: 0-15 SGI, 16-31 PPI (both this CPU's own), 32-1019 SPI,
/// from 8192 on LPI (its.hpp).
namespace baton::guest::gic {

inline constexpr u32 first_ppi = 16, first_spi = 32, spurious = 1023;

/// Lower is more urgent. The library gives every interrupt `usual_priority`.
inline constexpr u8 usual_priority = 0xa0;

using Handler = void (*)(u32 intid);

/// Once, by the boot CPU: affinity routing and both groups on, all SPIs off and in Group 1.
void init_distributor();
/// Every CPU: its redistributor and CPU interface, all SGIs and PPIs off and in Group 1.
void init_cpu();

/// The SPIs from 32 * block on as init_distributor found them.
const InterruptState& spis_at_entry(u32 block);
/// The SGIs and PPIs of any CPU, as they are now.
InterruptState own_interrupts(const Cpu& cpu);
/// GICD_CTLR as init_distributor found it.
u32 control_at_entry();

/// What an IRQ or FIQ of `intid` runs, between acknowledge and EOI, on any CPU. An interrupt
/// without a handler is a FAIL.
void set_handler(u32 intid, Handler handler);
/// The same for all LPIs.
void set_lpi_handler(Handler handler);

void enable(u32 intid);
void disable(u32 intid);
bool is_enabled(u32 intid);
void set_pending(u32 intid);
void clear_pending(u32 intid);
bool is_pending(u32 intid);
void set_active(u32 intid);
void clear_active(u32 intid);
bool is_active(u32 intid);
void set_priority(u32 intid, u8 priority);
u8 priority(u32 intid);
void set_group(u32 intid, u32 group);
u32 group(u32 intid);
/// SPIs and PPIs: edge-triggered or level-sensitive.
void set_edge(u32 intid, bool edge);
bool is_edge(u32 intid);
/// To `cpu` alone.
void route(u32 spi, const Cpu& cpu);
/// 1 of N: to whichever CPU the GIC likes.
void route_to_any(u32 spi);
/// GICD_IROUTER of the SPI.
u64 route_of(u32 spi);
/// Not another VM's: of those nothing can be changed. Asked while its priority is as the library or
/// a test has set it, not 0.
bool is_ours(u32 spi);
/// To the calling CPU alone. The library itself routes nothing.
bool is_routed_here(u32 spi);

/// The INTIDs that the distributor has: a multiple of 32, at most 1020.
u32 interrupt_count();

void send_sgi(u32 sgi, const Cpu& target);
void send_group_0_sgi(u32 sgi, const Cpu& target);
/// To the CPUs with Aff0 = 16 * range + i for each bit i of `targets`, in the cluster of `like`.
void send_sgi_list(u32 sgi, const Cpu& like, u16 targets, u32 range = 0);
void send_sgi_to_others(u32 sgi);

/// Group 1, by hand: for tests that keep interrupts masked.
inline u32 acknowledge() {
    const u64 intid = read_raw<ICC_IAR1_EL1>();
    dsb_sy();
    return static_cast<u32>(intid);
}
inline void end_of_interrupt(u32 intid) {
    // What the handler did to the device comes first.
    dsb_sy();
    write_raw<ICC_EOIR1_EL1>(intid);
    isb();
}
inline void deactivate(u32 intid) {
    write_raw<ICC_DIR_EL1>(intid);
    isb();
}

void handle_irq();
void handle_fiq();

} // namespace baton::guest::gic
