// SPDX-License-Identifier: BSD-2-Clause
#include "arch/arm64/cpu/missing_registers.hpp"

#include "arch/arm64/boot/image.hpp"
#include "arch/arm64/cpu/el1_registers.hpp"
#include "arch/arm64/cpu/registers.hpp"
#include "hyp/log/log.hpp"

#include <array>
#include <atomic>
#include <optional>

namespace baton::arm64 {
namespace {

/// MRS or MSR (register), Arm ARM C6.2: 1101 0101 00 L 1 o0 op1 CRn CRm op2 Rt.
class RegisterAccess {
  public:
    static std::optional<RegisterAccess> decode(u32 instruction) {
        constexpr u32 fixed = 0xffd0'0000;
        constexpr u32 pattern = 0xd510'0000;
        if ((instruction & fixed) != pattern) {
            return std::nullopt;
        }
        return RegisterAccess{instruction};
    }

    bool is_read() const { return (instruction_ >> 21 & 1) != 0; }
    u32 Rt() const { return instruction_ & 0x1f; }
    /// All of o0, op1, CRn, CRm and op2.
    u32 number() const { return instruction_ >> 5 & 0x7fff; }
    SysregEncoding encoding() const {
        return {2 + (instruction_ >> 19 & 1), instruction_ >> 16 & 7, instruction_ >> 12 & 0xf,
                instruction_ >> 8 & 0xf, instruction_ >> 5 & 7};
    }

  private:
    explicit RegisterAccess(u32 instruction) : instruction_{instruction} {}
    u32 instruction_;
};

/// Has nobody told of it yet? After so many different ones: no more lines.
bool is_news(u32 number) {
    static constinit std::array<std::atomic<u32>, 16> told{};
    for (std::atomic<u32>& place : told) {
        u32 none = 0;
        if (place.compare_exchange_strong(none, number + 1, std::memory_order_relaxed)) {
            return true;
        }
        if (none == number + 1) {
            return false;
        }
    }
    return false;
}

/// What carried the exception here belongs to a vCPU that is clean, or being cleaned. The third,
/// TPIDR_EL0, carries it back (vectors.S).
void clean_carriers() {
    write_raw<SP_EL0>(0);
    write_raw<TPIDRRO_EL0>(0);
}

} // namespace

bool stand_in_for_register(PanicFrame& frame) {
    const u64 elr = read_raw<ELR_EL2>();
    const auto cause = static_cast<ExceptionClass>(ESR_EL2::exception_class(read<ESR_EL2>()));
    if (frame.kind != 0 || cause != ExceptionClass::unknown ||
        !image::survey_text().contains(PhysAddr{elr})) {
        return false;
    }
    const auto access = RegisterAccess::decode(*reinterpret_cast<const u32*>(elr));
    if (!access) {
        return false;
    }
    if (access->is_read() && access->Rt() < 31) {
        frame.x[access->Rt()] = 0;
    }
    if (is_news(access->number())) {
        const SysregEncoding it = access->encoding();
        log::line("note: this CPU has no register S{}_{}_C{}_C{}_{}", it.op0, it.op1, it.crn,
                  it.crm, it.op2);
    }
    clean_carriers();
    write_raw<ELR_EL2>(elr + sizeof(u32));
    return true;
}

} // namespace baton::arm64
