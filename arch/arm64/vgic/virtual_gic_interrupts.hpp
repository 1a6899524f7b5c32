// SPDX-License-Identifier: BSD-2-Clause
#pragma once

// Members of VirtualGic: what comes from the hardware and from a guest's system registers. Included
// by virtual_gic.hpp.

namespace baton::arm64::gic {

template <GicHardware Hardware>
auto VirtualGic<Hardware>::handle_interrupts(Cpu& cpu) -> OwnInterrupts {
    auto& hardware = cpu.interface.hardware();
    OwnInterrupts came;
    // What is left after so many is signalled again at once: a flood does not keep a kick waiting.
    constexpr u32 most_at_once = 32;
    for (u32 n = 0; n < most_at_once; n++) {
        const Intid intid = hardware.acknowledge();
        if (intid >= first_special_intid) {
            if (!is_lpi(intid)) {
                break;
            }
            hardware.drop_priority(intid); // There is nothing to deactivate.
            cpu.interface.insert_lpi(intid, banks(cpu));
            continue;
        }
        hardware.drop_priority(intid);
        if (!is_private(intid)) {
            if (gic_->is_own_spi(intid)) {
                came.spi = intid;
            } else {
                cpu.interface.insert_hardware(intid, banks(cpu));
            }
        } else if ((bit_of(intid) & (hidden_ | sgi_bits)) == 0) {
            cpu.interface.insert_hardware(intid, banks(cpu));
        } else if (intid == kick_sgi) {
            hardware.deactivate(intid);
            came.kick = true;
        } else if (intid == timer_) {
            came.timer = true;
        } else {
            if (intid == maintenance_) {
                cpu.interface.fill(banks(cpu));
            }
            hardware.deactivate(intid);
        }
    }
    return came;
}

template <GicHardware Hardware>
bool VirtualGic<Hardware>::write_trapped_sysreg(Cpu& cpu, SysregEncoding encoding, u64 value) {
    if (encoding == ICC_SGI1R_EL1::encoding) {
        this->send_sgis(cpu, SgiRegister::sgi1r, {value});
    } else if (encoding == ICC_SGI0R_EL1::encoding) {
        this->send_sgis(cpu, SgiRegister::sgi0r, {value});
    } else if (encoding == ICC_ASGI1R_EL1::encoding) {
        this->send_sgis(cpu, SgiRegister::asgi1r, {value});
    } else if (encoding == ICC_DIR_EL1::encoding) {
        cpu.interface.deactivate(Intid{static_cast<u32>(value & ICC_IAR1_EL1::INTID)}, banks(cpu));
    } else {
        return false;
    }
    return true;
}

} // namespace baton::arm64::gic
