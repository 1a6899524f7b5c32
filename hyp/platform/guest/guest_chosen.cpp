// SPDX-License-Identifier: BSD-2-Clause
#include "hyp/platform/guest/guest_chosen.hpp"

#include "hyp/log/format.hpp"

#include <array>

namespace baton {

namespace {

void write_seed(FdtWriter& writer, std::span<const std::byte> seed) {
    if (seed.size() >= kaslr_seed_size) {
        writer.property("kaslr-seed", seed.first(kaslr_seed_size));
    }
    if (seed.size() > kaslr_seed_size) {
        writer.property("rng-seed", seed.subspan(kaslr_seed_size));
    }
}

} // namespace

void write_chosen(FdtWriter& writer, const GuestRequest& request) {
    writer.string("bootargs", request.bootargs);
    if (request.initrd) {
        writer.cells("linux,initrd-start", 2, to_guest(request.initrd->begin).value);
        writer.cells("linux,initrd-end", 2, to_guest(request.initrd->end()).value);
    }
    write_seed(writer, request.seed);
}

void write_modules(FdtWriter& writer, CellCounts cells, std::span<const DtbModule> modules) {
    for (const DtbModule& module : modules) {
        std::array<char, 32> name{}; // a NUL follows what is written
        format(std::span{name}.first(name.size() - 1), "module@{x}", module.range.begin.value);
        writer.begin_node(name.data());
        const char* kind = module.is_kernel ? "multiboot,kernel" : "multiboot,ramdisk";
        writer.strings("compatible", {kind, "multiboot,module"});
        CellWriter reg{writer.property("reg", 4 * (cells.address + cells.size))};
        reg.put(cells.address, module.range.begin.value);
        reg.put(cells.size, module.range.size);
        if (!module.bootargs.empty()) {
            writer.string("bootargs", module.bootargs);
        }
        writer.end_node();
    }
}

} // namespace baton
