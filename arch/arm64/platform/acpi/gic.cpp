// SPDX-License-Identifier: BSD-2-Clause
#include "arch/arm64/platform/acpi/madt.hpp"
#include "arch/arm64/platform/acpi/parse.hpp"
#include "arch/arm64/platform/arch_platform.hpp"
#include "hyp/platform/parse/parse.hpp"

namespace baton::arm64::acpi {

namespace {

constexpr u64 frame_size = 64 * KiB;
constexpr u64 its_size = 2 * frame_size;
constexpr u8 version_with_virtual_lpis = 4;

constexpr const char* broken = "the MADT has an entry that does not fit";
constexpr const char* is_v2 = "the interrupt controller is a GICv2: Baton needs a GICv3";
constexpr const char* too_many_regions = "more than 64 redistributor regions";

class GicParser {
  public:
    GicParser(Bytes madt, Platform& platform)
        : madt_{madt}, platform_{platform}, gic_{platform.arch->gic} {}

    Result<> run() {
        auto result = parse_distributor();
        result = result ? parse_regions() : result;
        if (result && gic_.redistributors.empty()) {
            result = parse_frames();
        }
        return result ? parse_its() : result;
    }

  private:
    /// Calls add(entry, result) for each, until one fails.
    template <class Entry, class Add>
    Result<> for_each(MadtType type, usize least, Add add) {
        Result<> result;
        const bool fit = for_each_entry<Entry>(madt_, type, least, [&](const Entry& entry) {
            result = add(entry);
            return result.has_value();
        });
        return fit ? result : fail(platform_, Error::bad_dtb, broken);
    }

    /// Nothing if it cannot be a part of the GIC.
    Result<PhysRange> frames(u64 begin, u64 size) {
        const auto range = PhysRange::make({begin}, size);
        if (!range || begin == 0 || !is_aligned(begin, page_size) || size < frame_size ||
            !is_aligned(size, page_size) || platform_.ram.overlaps(*range) || is_taken(*range)) {
            return fail(platform_, Error::bad_dtb,
                        "the MADT has a part of the GIC where none can be");
        }
        return *range;
    }

    bool is_taken(PhysRange range) const {
        const auto overlaps = [&](PhysRange other) { return other.overlaps(range); };
        return overlaps(gic_.distributor) || std::ranges::any_of(gic_.redistributors, overlaps) ||
               std::ranges::any_of(gic_.its, overlaps);
    }

    Result<> parse_distributor() {
        usize count = 0;
        auto result = for_each<MadtGicd>(MadtType::gicd, sizeof(MadtGicd),
                                         [&](const MadtGicd& gicd) -> Result<> {
                                             version_ = gicd.version;
                                             count++;
                                             const auto range = frames(gicd.base, frame_size);
                                             if (!range) {
                                                 return std::unexpected(range.error());
                                             }
                                             gic_.distributor = *range;
                                             return {};
                                         });
        if (result && count != 1) {
            return fail(platform_, Error::bad_dtb, "the MADT has no GIC Distributor, or several");
        }
        return result && (version_ == 1 || version_ == 2)
                   ? fail(platform_, Error::unsupported, is_v2)
                   : result;
    }

    Result<> parse_regions() {
        return for_each<MadtGicr>(
            MadtType::gicr, sizeof(MadtGicr), [&](const MadtGicr& gicr) -> Result<> {
                const auto range = frames(gicr.base, gicr.length);
                if (!range) {
                    return std::unexpected(range.error());
                }
                return gic_.redistributors.push(*range)
                           ? Result<>{}
                           : fail(platform_, Error::too_many, too_many_regions);
            });
    }

    /// Each CPU names its own: those that lie side by side become one region.
    Result<> parse_frames() {
        gic_.redistributors_are_listed = true;
        const u64 size = (version_ == version_with_virtual_lpis ? 4 : 2) * frame_size;
        return for_each<MadtGicc>(
            MadtType::gicc, gicc_size_5_1, [&](const MadtGicc& gicc) -> Result<> {
                if ((gicc.flags & MadtGicc::enabled) == 0) {
                    return {};
                }
                if (gicc.gicr_base == 0) {
                    return fail(platform_, Error::unsupported, is_v2);
                }
                const auto range = frames(gicc.gicr_base, size);
                return range ? add_frame(*range) : std::unexpected(range.error());
            });
    }

    Result<> add_frame(PhysRange frame) {
        for (PhysRange& region : gic_.redistributors) {
            if (region.end() == frame.begin) {
                region.size += frame.size;
                return {};
            }
        }
        return gic_.redistributors.push(frame) ? Result<>{}
                                               : fail(platform_, Error::too_many, too_many_regions);
    }

    Result<> parse_its() {
        return for_each<MadtIts>(
            MadtType::gic_its, sizeof(MadtIts), [&](const MadtIts& its) -> Result<> {
                const auto range = frames(its.base, its_size);
                if (!range) {
                    return std::unexpected(range.error());
                }
                if (!gic_.its.push(*range)) {
                    return fail(platform_, Error::too_many, "more than 64 ITSs");
                }
                platform_.has_message_controllers = true;
                return {};
            });
    }

    Bytes madt_;
    Platform& platform_;
    GicInfo& gic_;
    u8 version_ = 0;
};

} // namespace

Result<> parse_gic(Bytes madt, Platform& platform) { return GicParser{madt, platform}.run(); }

} // namespace baton::arm64::acpi
