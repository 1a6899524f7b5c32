// SPDX-License-Identifier: BSD-2-Clause
//
// dtb_survey FILE...: reads DTBs as Baton does at boot, and prints for each, separated by tabs: the
// file's name, what would become of Baton there, the console's kind, and why it would be refused.
#include "arch/arm64/platform/arch_platform.hpp"
#include "hyp/platform/division/vm_config.hpp"
#include "hyp/platform/parse/first_look.hpp"
#include "hyp/platform/parse/parse.hpp"
#include "hyp/platform/platform.hpp"

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

/// How much is used of what Baton has room for.
struct Need {
    const char* what;
    usize most, room;
};
std::vector<Need> needs;

void note_need(const char* what, usize used, usize room) {
    for (Need& need : needs) {
        if (std::string_view{need.what} == what) {
            need.most = std::max(need.most, used);
            return;
        }
    }
    needs.push_back({what, used, room});
}

template <class T>
void note_need(const char* what, const T& list) {
    note_need(what, list.size(), T::capacity);
}

void note_needs(const Platform& platform) {
    note_need("CPUs", platform.cpus);
    note_need("ranges of RAM", platform.ram.size(), Platform::max_ram_ranges);
    note_need("reserved ranges", platform.reserved);
    note_need("device ranges", platform.devices.size(), DeviceRanges::capacity);
    note_need("PCI hosts", platform.pci_hosts);
    note_need("ITSs", platform.arch->gic.its);
    note_need("redistributor regions", platform.arch->gic.redistributors);
    for (const PciHost& host : platform.pci_hosts) {
        note_need("windows of a PCI host", host.windows);
    }
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
    note_needs(*platform);
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

bool is_method(const char* method, int size, std::string_view wanted) {
    return method == nullptr
               ? wanted.empty()
               : std::string_view{method, static_cast<usize>(size)} == std::string{wanted} + '\0';
}

/// @param replaced the enable-method, empty for none, in whose place PSCI comes
File with_psci(const File& dtb, std::string_view replaced) {
    return changed(dtb, [&](void* fdt) {
        const int cpus = fdt_path_offset(fdt, "/cpus");
        for (int cpu = fdt_first_subnode(fdt, cpus); cpu >= 0; cpu = fdt_next_subnode(fdt, cpu)) {
            int size = 0;
            const auto* method =
                static_cast<const char*>(fdt_getprop(fdt, cpu, "enable-method", &size));
            if (is_method(method, size, replaced)) {
                fdt_setprop_string(fdt, cpu, "enable-method", "psci");
            }
        }
        if (find_compatible(fdt, {"arm,psci-1.0", "arm,psci-0.2", "arm,psci"}) < 0) {
            const int psci = fdt_add_subnode(fdt, 0, "psci-of-the-survey");
            fdt_setprop_string(fdt, psci, "compatible", "arm,psci-1.0");
            fdt_setprop_string(fdt, psci, "method", "smc");
        }
    });
}

void survey(const char* name) {
    const File dtb = with_memory(read(name));
    const FirstLook look = look_first(Bytes(dtb));
    const Outcome now = outcome_of(dtb);
    std::string verdict = "runs";
    std::string why = now.refusal;
    if (!now.refusal.empty()) {
        verdict = "refused";
        const auto runs = [](const File& other) { return outcome_of(other).refusal.empty(); };
        const Outcome other = outcome_of(with_gicv3(dtb));
        if (other.refusal.empty()) {
            verdict = "but for its GICv2";
        } else if (runs(with_gicv3(with_psci(dtb, "")))) {
            verdict = "if its loader adds PSCI";
        } else if (runs(with_gicv3(with_psci(dtb, "spin-table")))) {
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
    for (const Need& need : needs) {
        std::printf("# %s: %zu of %zu\n", need.what, need.most, need.room);
    }
    return 0;
}
