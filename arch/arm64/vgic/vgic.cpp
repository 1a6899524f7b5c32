// SPDX-License-Identifier: BSD-2-Clause
#include "arch/arm64/vgic/vgic.hpp"

#include "hyp/arch.hpp"
#include "hyp/lifecycle/vcpu.hpp"
#include "hyp/log/log.hpp"
#include "hyp/vm/guest_ram.hpp"
#include "hyp/vm/vm.hpp"

namespace baton::arm64::gic {

bool ThisMachine::is_guest_memory(GuestRange range) {
    return !range.empty() && guest_ram(*arch::self().vm, range.begin, range.size).has_value();
}

void ThisMachine::log_refusal(const char* reg, GuestRange range) {
    log::line_by_guest(arch::self().vm->log_budget(),
                       "the guest's {} is refused: not all of {}, {} bytes, is its memory", reg,
                       range.begin, range.size);
}

template class Gic<ThisMachine>;
template class VgicCore<ThisMachine>;
template class VgicSgis<ThisMachine>;
template class VgicLpis<ThisMachine>;
template class VgicFrames<ThisMachine>;
template class VirtualGic<ThisMachine>;

} // namespace baton::arm64::gic
