// SPDX-License-Identifier: BSD-2-Clause
#include "arch/arm64/efi/stub.hpp"

#include "arch/arm64/efi/boot_services_end.hpp"
#include "arch/arm64/efi/boot_tree.hpp"
#include "arch/arm64/efi/cpu.hpp"
#include "arch/arm64/efi/devices.hpp"
#include "arch/arm64/efi/initrd.hpp"
#include "arch/arm64/efi/load_options.hpp"
#include "arch/arm64/efi/secure_boot.hpp"
#include "arch/arm64/efi/tpm_log.hpp"
#include "hyp/arch.hpp"
#include "hyp/log/format.hpp"
#include "hyp/platform/bundle/parts.hpp"
#include "hyp/platform/bundle/sections.hpp"

namespace baton::arm64::efi {
namespace {

// Too large for a stack of the firmware's.
constinit std::array<char, 4096> options_text{};
constinit std::array<std::byte, kaslr_seed_size + rng_seed_size> seed{};

std::span<const std::byte> read_seed(const Loader& loader) {
    auto* const rng = loader.any<Rng>(rng_guid);
    if (rng == nullptr || failed(rng->get(rng, nullptr, seed.size(), seed.data()))) {
        return {};
    }
    return seed;
}

/// Does Baton's own file hold kernels?
bool is_bundle() {
    const auto table = SectionTable::open(arch::own_header());
    for (u32 at = 0; table && at < table->size(); at++) {
        const auto section = (*table)[at];
        const auto part = section ? part_of_section(section->name) : std::nullopt;
        if (part && part->kind == BundlePart::Kind::kernel) {
            return true;
        }
    }
    return false;
}

Attempt<Told> gather(Loader& loader) {
    if (!runs_at_el2()) {
        return refuse(unsupported, "the firmware runs at EL1, and Baton needs EL2 (QEMU's virt "
                                   "machine: -M virt,virtualization=on)");
    }
    const SecureBoot secure_boot = read_secure_boot(loader);
    auto options = read_load_options(loader, options_text);
    if (!options) {
        return std::unexpected(options.error());
    }
    if (secure_boot == SecureBoot::enabled && is_bundle() && !options->words.empty()) {
        // The signature is for the command lines inside as well.
        loader.say("Baton: Secure Boot is on, so the command line is the bundle's own");
        options->words = {};
    }
    const auto initrd = read_initrd(loader, options->initrd);
    if (!initrd) {
        return std::unexpected(initrd.error());
    }
    return Told{.bootargs = options->words,
                .initrd = *initrd,
                .seed = read_seed(loader),
                .secure_boot = secure_boot};
}

/// Until the last step the firmware is as it was, but for its drivers of PCI functions.
Attempt<> start(Loader& loader) {
    const auto told = gather(loader);
    if (!told) {
        return std::unexpected(told.error());
    }
    auto tree = BootTree::make(loader, *told);
    if (!tree) {
        return std::unexpected(tree.error());
    }
    keep_tpm_log(loader);
    const auto room = make_room_for_map(loader);
    if (!room) {
        return std::unexpected(room.error());
    }
    rest_devices(loader);
    const auto map = end_boot_services(loader, *room);
    if (!map) {
        return std::unexpected(map.error());
    }
    tree->finish(*map);
    enter_baton(tree->bytes());
}

} // namespace

extern "C" Status efi_main(Handle image, SystemTable* system) {
    Loader loader{image, *system};
    const auto started = start(loader);
    loader.give_all_back(); // it may start something else
    std::array<char, 200> line;
    loader.say(format(line, "Baton does not start: {}", started.error().why));
    return started.error().status;
}

} // namespace baton::arm64::efi
