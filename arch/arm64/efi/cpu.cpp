// SPDX-License-Identifier: BSD-2-Clause
#include "arch/arm64/efi/cpu.hpp"

#include "arch/arm64/boot/image.hpp"
#include "arch/arm64/cpu/cache.hpp"
#include "arch/arm64/cpu/registers.hpp"

namespace baton::arm64::efi {
namespace {

/// entry.S
extern "C" [[noreturn]] void leave_firmware(const void* dtb);

} // namespace

bool runs_at_el2() {
    u64 level;
    asm("mrs %0, CurrentEL" : "=r"(level));
    return level == 2 << 2;
}

void enter_baton(std::span<const std::byte> dtb) {
    cache::clean_invalidate_to_poc({{reinterpret_cast<u64>(dtb.data())}, dtb.size()});
    // Written from here on is only the firmware's stack, which is nobody's any more.
    cache::clean_invalidate_to_poc(image::whole());
    leave_firmware(dtb.data());
}

} // namespace baton::arm64::efi
