// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "guest-api/guest/fdt.hpp"
#include "guest-api/guest/smccc.hpp"
#include "hyp/static_vector.hpp"

/// What the DTB says about the machine, read once before anything else runs.
namespace baton::guest {

struct Platform {
    /// In the order of the DTB.
    StaticVector<PhysRange, 64> memory;
    /// The guest's image, the DTB, the initrd and what the DTB reserves: not to be written.
    StaticVector<PhysRange, 32> used;
    PhysRange image;
    std::optional<PhysRange> initrd;
    std::string_view bootargs;
    /// INTIDs of /timer: secure and non-secure physical, virtual, hypervisor.
    std::array<u32, 4> timer_interrupts{};
    Conduit conduit = Conduit::hvc;

    bool is_memory(PhysRange range) const;
    bool is_used(PhysRange range) const;
};

const Platform& platform();

/// Fills in platform().
void read_platform();

/// Is the word `name` in the bootargs?
bool option(std::string_view name);
/// N of a word `name=N`, decimal or 0x…; `otherwise` if there is none.
u64 option_number(std::string_view name, u64 otherwise);
/// The text of a word `name=…`, empty if there is none.
std::string_view option_text(std::string_view name);

} // namespace baton::guest
