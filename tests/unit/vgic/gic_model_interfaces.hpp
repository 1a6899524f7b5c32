// SPDX-License-Identifier: BSD-2-Clause
#pragma once

// Members of GicModel: the CPU interfaces, physical and virtual. Included by gic_model.hpp.

namespace model {

inline std::optional<u32> GicModel::highest_pending(u32 cpu) {
    std::optional<u32> best;
    const auto consider = [&](u32 intid) {
        const Interrupt& i = at(cpu, intid);
        const bool forwarded = (control_ & (i.group1 ? 2 : 1)) != 0;
        if (i.is_pending() && i.enabled && !i.active && forwarded && cpus_[cpu].on &&
            (!best || i.priority < priority(cpu, *best))) {
            best = intid;
        }
    };
    cpus_[cpu].own[maintenance_ppi].line = false;
    for (u32 intid = 0; intid < 32; intid++) {
        consider(intid);
    }
    for (u32 intid = 32; intid < spi_end; intid++) {
        if (route(intid) == bits(mpidr(cpu))) {
            consider(intid);
        }
    }
    for (const u32 lpi : cpus_[cpu].lpis) {
        if (has_lpis(cpu) && (control_ & 2) != 0 && cpus_[cpu].on &&
            (!best || priority(cpu, lpi) < priority(cpu, *best))) {
            best = lpi;
        }
    }
    cpus_[cpu].own[maintenance_ppi].line = wants_maintenance(cpu);
    if (!is_maintenance_late || !best || priority(cpu, *best) >= cpus_[cpu].mask) {
        consider(maintenance_ppi);
    }
    return best;
}

inline bool GicModel::is_signalled(u32 cpu) {
    const auto best = highest_pending(cpu);
    const Cpu& c = cpus_[cpu];
    return best && priority(cpu, *best) < c.mask &&
           (c.running.empty() || priority(cpu, *best) < c.running.back());
}

inline u32 GicModel::acknowledge(u32 cpu) {
    if (!is_signalled(cpu)) {
        return spurious;
    }
    const u32 intid = *highest_pending(cpu);
    cpus_[cpu].running.push_back(priority(cpu, intid));
    if (intid >= lpi_base) {
        cpus_[cpu].lpis.erase(intid);
    } else {
        at(cpu, intid).active = true;
        at(cpu, intid).latch = false;
    }
    return intid;
}

inline void GicModel::end(u32 cpu, u32 intid) {
    if (cpus_[cpu].running.empty()) {
        throw std::logic_error{"priority drop without an active priority"};
    }
    cpus_[cpu].running.pop_back();
    if (!cpus_[cpu].split_eoi && intid < lpi_base) {
        at(cpu, intid).active = false;
    }
}

inline void GicModel::deactivate(u32 cpu, u32 intid) {
    if (intid >= lpi_base) {
        throw std::logic_error{"an LPI is deactivated"};
    }
    at(cpu, intid).active = false;
}

inline void GicModel::send_sgi(u32 cpu, SgiRequest request) {
    for (u32 i = 0; i < cpu_count(); i++) {
        const bool is_target = request.is_to_all_others()
                                   ? i != cpu
                                   : request.first_affinity() == Affinity{affinity(i) & ~15U} &&
                                         (request.targets() >> (affinity(i) & 15) & 1) != 0;
        cpus_[i].own[index(request.intid())].latch |= is_target;
    }
    sgis_sent++;
}

inline u32 GicModel::virtual_acknowledge(u32 cpu) {
    Cpu& c = cpus_[cpu];
    const auto n = highest_virtual(cpu);
    if (!n) {
        return spurious;
    }
    const ListRegister lr{c.list_registers[*n]};
    c.list_registers[*n] = lr.with(ListRegister::State::active).value;
    c.virtual_running.push_back(lr.priority());
    return index(lr.intid());
}

inline void GicModel::virtual_end(u32 cpu, u32 intid) {
    Cpu& c = cpus_[cpu];
    if (c.virtual_running.empty()) {
        throw std::logic_error{"the guest ends what it has not begun"};
    }
    c.virtual_running.pop_back();
    if (!c.virtual_split_eoi || intid >= lpi_base) {
        virtual_deactivate(cpu, intid);
    }
}

inline void GicModel::virtual_deactivate(u32 cpu, u32 intid) {
    Cpu& c = cpus_[cpu];
    for (u32 n = 0; n < list_registers_; n++) {
        const ListRegister lr{c.list_registers[n]};
        if (lr.is_active() && lr.intid() == Intid{intid}) {
            if (lr.is_hardware()) {
                deactivate(cpu, intid);
            }
            c.list_registers[n] = lr.without_active().value;
            return;
        }
    }
    c.eoi_count++;
}

inline std::optional<u32> GicModel::highest_virtual(u32 cpu) {
    const Cpu& c = cpus_[cpu];
    std::optional<u32> best;
    for (u32 n = 0; n < list_registers_ && (c.hcr & 1) != 0; n++) {
        const ListRegister lr{c.list_registers[n]};
        const bool enabled = (lr.value >> 60 & 1) != 0 ? c.group1 : c.group0;
        if (lr.is_only_pending() && enabled && lr.priority() < c.virtual_mask &&
            (c.virtual_running.empty() || lr.priority() < c.virtual_running.back()) &&
            (!best || lr.priority() < ListRegister{c.list_registers[*best]}.priority())) {
            best = n;
        }
    }
    return best;
}

inline bool GicModel::wants_maintenance(u32 cpu) const {
    const Cpu& c = cpus_.at(cpu);
    bool pending = false;
    u32 used = 0;
    for (u32 n = 0; n < list_registers_; n++) {
        pending |= ListRegister{c.list_registers[n]}.is_only_pending();
        used += ListRegister{c.list_registers[n]}.is_valid();
    }
    const auto enabled = [&c](u32 bit) { return (c.hcr >> bit & 1) != 0; };
    return enabled(0) && ((enabled(1) && used < 2) || (enabled(2) && c.eoi_count != 0) ||
                          (enabled(3) && !pending));
}

} // namespace model
