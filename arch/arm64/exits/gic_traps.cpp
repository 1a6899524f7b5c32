// SPDX-License-Identifier: BSD-2-Clause
#include "arch/arm64/exits/gic_traps.hpp"

#include "arch/arm64/hypervisor.hpp"

namespace baton::arm64 {
namespace {

// The Distributor's by itself: kernels use it most.
u32 distributor_offset(GuestAddr address) {
    return static_cast<u32>(to_phys(address) - hypervisor().gic.distributor().range().begin);
}
bool read_distributor(GuestAddr address, u32 size, u64& value) {
    PerCpu& self = this_cpu();
    value = self.vm->vgic.read_distributor(self.vgic, distributor_offset(address), size);
    return true;
}
bool write_distributor(GuestAddr address, u32 size, u64 value) {
    PerCpu& self = this_cpu();
    self.vm->vgic.write_distributor(self.vgic, distributor_offset(address), size, value);
    return true;
}

bool read_gic(GuestAddr address, u32 size, u64& value) {
    PerCpu& self = this_cpu();
    const auto read = self.vm->vgic.mmio_read(self.vgic, address, size);
    value = read.value_or(0);
    return read.has_value();
}
bool write_gic(GuestAddr address, u32 size, u64 value) {
    PerCpu& self = this_cpu();
    return self.vm->vgic.mmio_write(self.vgic, address, size, value);
}

} // namespace

bool add_gic_traps(const GicInfo& gic, bool has_its, TrapMap& traps) {
    bool all = true;
    const auto add = [&](PhysRange frames) {
        all = all && traps.add({{to_guest(frames.begin), frames.size}, read_gic, write_gic});
    };
    const GuestRange distributor{to_guest(gic.distributor.begin), gic.distributor.size};
    all = traps.add({distributor, read_distributor, write_distributor});
    for (const PhysRange& region : gic.redistributors) {
        add(region);
    }
    for (usize i = 0; has_its && i < gic.its.size(); i++) {
        add(gic.its[i]);
    }
    return all;
}

} // namespace baton::arm64
