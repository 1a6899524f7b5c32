// SPDX-License-Identifier: BSD-2-Clause
#include "arch/arm64/platform/acpi/madt.hpp"
#include "arch/arm64/platform/acpi/parse.hpp"
#include "arch/arm64/platform/arch_platform.hpp"
#include "hyp/platform/arch_nodes.hpp"
#include "hyp/platform/parse/parse.hpp"

namespace baton::arm64::acpi {

namespace {

class CpuParser {
  public:
    explicit CpuParser(Platform& platform) : platform_{platform} {}

    Result<> add(const MadtGicc& gicc) {
        if ((gicc.flags & MadtGicc::enabled) == 0) {
            if ((gicc.flags & MadtGicc::online_capable) != 0) {
                note(platform_, "a CPU that could be plugged in later is left out");
            }
            return {};
        }
        if (!arch::is_firmware_id(gicc.mpidr) || find_cpu(platform_, gicc.mpidr)) {
            note(platform_, "a CPU in the MADT has no MPIDR, or another CPU's: it is left out");
            return {};
        }
        if (!platform_.cpus.push({.firmware_id = gicc.mpidr})) {
            return fail(platform_, Error::too_many, "more than 512 CPUs");
        }
        const auto maintenance = private_gsiv(gicc.maintenance_interrupt);
        const auto counters = private_gsiv(gicc.performance_interrupt);
        if (platform_.cpus.size() == 1) {
            maintenance_ = maintenance;
            counters_ = counters;
        }
        differ_ = differ_ || maintenance != maintenance_;
        if (counters != counters_) {
            counters_ = std::nullopt; // of kinds of cores that are not alike in this: as the DTB
        }
        return {};
    }

    Result<> finish() {
        if (platform_.cpus.empty()) {
            return fail(platform_, Error::bad_dtb, "the MADT has no CPU that is enabled");
        }
        if (!maintenance_ || differ_) {
            return fail(platform_, Error::unsupported,
                        "a GIC without a maintenance interrupt that is every CPU's");
        }
        platform_.arch->gic.maintenance_interrupt = *maintenance_;
        platform_.arch->pmu_interrupt = counters_;
        return {};
    }

  private:
    Platform& platform_;
    std::optional<InterruptId> maintenance_;
    std::optional<InterruptId> counters_;
    bool differ_ = false;
};

} // namespace

Result<> parse_cpus(Bytes madt, Platform& platform) {
    CpuParser parser{platform};
    Result<> result;
    const bool whole = for_each_gicc(madt, [&](const MadtGicc& gicc) {
        result = parser.add(gicc);
        return result.has_value();
    });
    if (!whole) {
        return fail(platform, Error::bad_dtb, "the MADT has an entry that does not fit");
    }
    return result ? parser.finish() : result;
}

} // namespace baton::arm64::acpi
