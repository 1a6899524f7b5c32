// SPDX-License-Identifier: BSD-2-Clause
//
// dtb_survey FILE...: reads DTBs as Baton does at boot, and prints for each, separated by tabs: the
// file's name, what would become of Baton there, the console's kind, and why it would be refused.
#include "arch/arm64/platform/arch_platform.hpp"
#include "hyp/platform/first_look.hpp"
#include "hyp/platform/parse.hpp"
#include "hyp/platform/platform.hpp"
#include "hyp/platform/vm_config.hpp"

#include <cstdio>
#include <fstream>
#include <iterator>
#include <libfdt.h>
#include <memory>
#include <string>
#include <vector>

using namespace baton;

namespace {

using File = std::vector<std::byte>;

File read(const char* name) {
    std::ifstream file(name, std::ios::binary);
    File bytes;
    for (std::istreambuf_iterator<char> at(file), end; at != end; ++at) {
        bytes.push_back(static_cast<std::byte>(*at));
    }
    return bytes;
}

const char* kind_name(UartKind kind) {
    switch (kind) {
    case UartKind::pl011:
        return "PL011";
    case UartKind::sbsa:
        return "SBSA";
    case UartKind::ns8250:
        return "8250";
    case UartKind::imx:
        return "i.MX";
    case UartKind::cadence:
        return "Cadence";
    case UartKind::lpuart:
        return "LPUART";
    case UartKind::geni:
        return "GENI";
    case UartKind::msm:
        return "UARTDM";
    case UartKind::meson:
        return "Meson";
    case UartKind::armada:
        return "Armada 3700";
    case UartKind::scif:
        return "SCIF";
    case UartKind::exynos:
        return "Exynos";
    }
    return "?";
}

struct Outcome {
    std::string refusal; ///< empty: Baton runs
    std::vector<std::string> notes;
};

Outcome outcome_of(const File& dtb) {
    auto platform = std::make_unique<arm64::FullPlatform>();
    Outcome outcome;
    if (!parse_platform(dtb, *platform)) {
        outcome.refusal = platform->fault;
    } else if (auto division = std::make_unique<Division>(); !divide(dtb, *platform, *division)) {
        outcome.refusal = std::string(division->fault());
    }
    for (const char* text : platform->notes) {
        outcome.notes.emplace_back(text);
    }
    return outcome;
}

/// The same machine with other hardware, as far as the tree tells of it.
template <class Change>
File changed(const File& dtb, Change change) {
    File larger(dtb.size() + 256 * 1024);
    if (fdt_open_into(dtb.data(), larger.data(), static_cast<int>(larger.size())) != 0) {
        return dtb;
    }
    change(larger.data());
    fdt_pack(larger.data());
    larger.resize(fdt_totalsize(larger.data()));
    return larger;
}

int find_compatible(const void* fdt, std::initializer_list<const char*> names) {
    for (const char* name : names) {
        if (const int node = fdt_node_offset_by_compatible(fdt, -1, name); node >= 0) {
            return node;
        }
    }
    return -1;
}

/// A tree that comes with a kernel often has no memory yet: the boot loader writes it.
File with_memory(const File& dtb) {
    const auto fdt = Fdt::open(dtb);
    auto platform = std::make_unique<arm64::FullPlatform>();
    if (!fdt || parse_memory(*fdt, *platform) || !platform->ram.empty()) {
        return dtb;
    }
    const CellCounts cells = fdt->root().child_cells();
    return changed(dtb, [&](void* tree) {
        const int memory = fdt_add_subnode(tree, 0, "memory-of-the-survey");
        fdt_setprop_string(tree, memory, "device_type", "memory");
        for (const auto& [count, value] :
             {std::pair{cells.address, 0x4000'0000U}, std::pair{cells.size, 0x4000'0000U}}) {
            for (u32 i = 0; i < count; i++) {
                fdt_appendprop_u32(tree, memory, "reg", i + 1 == count ? value : 0);
            }
        }
    });
}

/// Both have distributor and CPU interface first, and the same interrupts.
File with_gicv3(const File& dtb) {
    return changed(dtb, [](void* fdt) {
        const int gic =
            find_compatible(fdt, {"arm,gic-400", "arm,cortex-a15-gic", "qcom,msm-qgic2"});
        if (gic >= 0) {
            fdt_setprop_string(fdt, gic, "compatible", "arm,gic-v3");
        }
    });
}

/// In the place of a spin table and of no method at all.
File with_psci(const File& dtb) {
    return changed(dtb, [](void* fdt) {
        const int cpus = fdt_path_offset(fdt, "/cpus");
        for (int cpu = fdt_first_subnode(fdt, cpus); cpu >= 0; cpu = fdt_next_subnode(fdt, cpu)) {
            int size = 0;
            const auto* method =
                static_cast<const char*>(fdt_getprop(fdt, cpu, "enable-method", &size));
            if (method != nullptr && std::string(method) == "spin-table") {
                fdt_setprop_string(fdt, cpu, "enable-method", "psci");
            }
        }
        if (find_compatible(fdt, {"arm,psci-1.0", "arm,psci-0.2"}) < 0) {
            const int psci = fdt_add_subnode(fdt, 0, "psci-of-the-survey");
            fdt_setprop_string(fdt, psci, "compatible", "arm,psci-1.0");
            fdt_setprop_string(fdt, psci, "method", "smc");
        }
    });
}

bool has_spin_table(const File& dtb) {
    const auto fdt = Fdt::open(dtb);
    const auto cpus = fdt ? fdt->find("/cpus") : std::nullopt;
    bool found = false;
    if (cpus) {
        for_each_child(*cpus, [&](FdtNode cpu) {
            found = found || cpu.string("enable-method") == "spin-table";
        });
    }
    return found;
}

void survey(const char* name) {
    const File dtb = with_memory(read(name));
    const FirstLook look = look_first(Bytes(dtb));
    const Outcome now = outcome_of(dtb);
    std::string verdict = "runs";
    std::string why = now.refusal;
    if (!now.refusal.empty()) {
        const bool spins = has_spin_table(dtb);
        verdict = "refused";
        if (const auto other = outcome_of(with_gicv3(dtb)); other.refusal.empty()) {
            verdict = "but for its GICv2";
        } else if (spins && outcome_of(with_gicv3(with_psci(dtb))).refusal.empty()) {
            verdict = "but for its spin table";
        } else {
            why = other.refusal; // what is wrong beside the GIC
        }
    }
    std::string notes;
    for (const std::string& note : now.notes) {
        notes += (notes.empty() ? "" : "; ") + note;
    }
    std::printf("%s\t%s\t%s\t%s\t%s\n", name, verdict.c_str(),
                look.uart ? kind_name(look.uart->kind) : "none", why.c_str(), notes.c_str());
}

} // namespace

int main(int argc, char** argv) {
    for (int i = 1; i < argc; i++) {
        survey(argv[i]);
    }
    return 0;
}
