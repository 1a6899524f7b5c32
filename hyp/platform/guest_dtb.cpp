// SPDX-License-Identifier: BSD-2-Clause
#include "hyp/platform/guest_dtb.hpp"

#include "hyp/log/format.hpp"
#include "hyp/platform/fdt_writer.hpp"
#include "hyp/platform/guest_dtb_filter.hpp"
#include "hyp/platform/parse.hpp"
#include "hyp/static_vector.hpp"

#include <algorithm>
#include <libfdt.h>

namespace baton {

namespace {

/// Two words of one length, so that one takes the other's place.
constexpr std::string_view status_okay = "okay";
constexpr std::string_view status_fail = "fail";
static_assert(status_okay.size() == status_fail.size());

class GuestDtbBuilder {
  public:
    GuestDtbBuilder(const Fdt& source, const GuestDtbRequest& request, FdtWriter& writer,
                    GuestDtb& result)
        : source_{source}, request_{request},
          filter_{source, request.for_host, request.spin_table.has_value()}, writer_{writer},
          result_{result} {}

    Result<> run();

  private:
    Result<> copy_tree();
    bool enter(FdtNode node);
    void leave();
    void write_own_properties(FdtNode node, NodeKind kind);
    void write_chosen();
    void write_seed();
    void write_modules();
    void write_dsus();
    void write_memory(FdtNode node);
    void write_status(FdtNode node);
    void write_its_status(FdtNode node);
    /// Of the node that is being written.
    NodeKind current() const { return open_.empty() ? NodeKind::plain : open_[open_.size() - 1]; }

    const Fdt& source_;
    const GuestDtbRequest& request_;
    GuestDtbFilter filter_;
    FdtWriter& writer_;
    GuestDtb& result_;
    StaticVector<NodeKind, 32> open_; ///< the nodes that are begun and not ended, root first
};

Result<> GuestDtbBuilder::run() {
    if (auto result = filter_.find_hidden(source_); !result) {
        return result;
    }
    for (u32 i = 0; i < source_.reservation_count(); i++) {
        if (const auto range = source_.reservation(i)) {
            writer_.add_reservation(*range);
        }
    }
    for (const PhysRange& range : request_.reserved) {
        writer_.add_reservation(range);
    }
    for (u32 i = 0; i < request_.spare_reservations; i++) {
        writer_.add_reservation({});
    }
    writer_.begin_tree(fdt_boot_cpuid_phys(source_.data()));
    if (auto result = copy_tree(); !result) {
        return result;
    }
    const auto size = writer_.finish();
    if (!size) {
        return std::unexpected(size.error());
    }
    result_.size = *size;
    const auto* const header = reinterpret_cast<const fdt_header*>(writer_.begin());
    const auto entries = static_cast<u32>(fdt_num_mem_rsv(header)); // up to the first empty one
    result_.spare_reservations = fdt_off_mem_rsvmap(header) + reservation_size * entries;
    return {};
}

Result<> GuestDtbBuilder::copy_tree() {
    const void* fdt = source_.data();
    int next = 0;
    for (int offset = 0;; offset = next) {
        switch (fdt_next_tag(fdt, offset, &next)) {
        case FDT_BEGIN_NODE:
            if (const FdtNode node{fdt, offset}; filter_.drops(node, current())) {
                next = node.end_offset();
            } else if (!enter(node)) {
                return std::unexpected(Error::too_many);
            }
            break;
        case FDT_PROP:
            if (const FdtProperty property = source_.property_at(offset);
                filter_.keeps(property, current())) {
                writer_.property(property.name, property.value);
            }
            break;
        case FDT_END_NODE:
            leave();
            break;
        case FDT_NOP:
            break;
        default: // FDT_END
            return {};
        }
    }
}

/// False: nested too deep.
bool GuestDtbBuilder::enter(FdtNode node) {
    const NodeKind kind = open_.empty() ? NodeKind::root : filter_.kind_of(node, current());
    writer_.begin_node(node.name().data());
    write_own_properties(node, kind);
    return open_.push(kind);
}

void GuestDtbBuilder::leave() {
    if (current() == NodeKind::chosen) {
        write_modules();
    } else if (current() == NodeKind::root) {
        if (!filter_.chosen()) {
            writer_.begin_node("chosen");
            write_chosen();
            write_modules();
            writer_.end_node();
        }
        write_dsus();
    }
    writer_.end_node();
    open_.erase(open_.size() - 1);
}

void GuestDtbBuilder::write_own_properties(FdtNode node, NodeKind kind) {
    switch (kind) {
    case NodeKind::chosen:
        write_chosen();
        break;
    case NodeKind::memory:
        write_memory(node);
        break;
    case NodeKind::cpu:
        write_status(node);
        break;
    case NodeKind::its:
        write_its_status(node);
        break;
    case NodeKind::psci:
        writer_.strings("compatible", {"arm,psci-1.0", "arm,psci-0.2"});
        writer_.string("method", "hvc");
        break;
    default:
        break;
    }
}

void GuestDtbBuilder::write_chosen() {
    writer_.string("bootargs", request_.bootargs);
    if (request_.initrd) {
        writer_.cells("linux,initrd-start", 2, to_guest(request_.initrd->begin).value);
        writer_.cells("linux,initrd-end", 2, to_guest(request_.initrd->end()).value);
    }
    write_seed();
}

void GuestDtbBuilder::write_seed() {
    constexpr usize kaslr_size = 8;
    const auto seed = request_.seed;
    if (seed.size() >= kaslr_size) {
        writer_.property("kaslr-seed", seed.first(kaslr_size));
    }
    if (seed.size() > kaslr_size) {
        writer_.property("rng-seed", seed.subspan(kaslr_size));
    }
}

void GuestDtbBuilder::write_modules() {
    const CellCounts root = source_.root().child_cells();
    const CellCounts cells = filter_.chosen() ? filter_.chosen()->child_cells(root) : root;
    for (const DtbModule& module : request_.modules) {
        std::array<char, 32> name{}; // a NUL follows what is written
        format(std::span{name}.first(name.size() - 1), "module@{x}", module.range.begin.value);
        writer_.begin_node(name.data());
        const char* kind = module.is_kernel ? "multiboot,kernel" : "multiboot,ramdisk";
        writer_.strings("compatible", {kind, "multiboot,module"});
        CellWriter reg{writer_.property("reg", 4 * (cells.address + cells.size))};
        reg.put(cells.address, module.range.begin.value);
        reg.put(cells.size, module.range.size);
        if (!module.bootargs.empty()) {
            writer_.string("bootargs", module.bootargs);
        }
        writer_.end_node();
    }
}

void GuestDtbBuilder::write_dsus() {
    constexpr u32 first_spi = 32, is_spi = 0, is_edge = 1;
    for (usize number = 0; number < request_.dsus.size(); number++) {
        const DsuNode& dsu = request_.dsus[number];
        std::array<char, 32> name{}; // as above
        format(std::span{name}.first(name.size() - 1), "dsu-pmu-{}", number);
        writer_.begin_node(name.data());
        writer_.string("compatible", "arm,dsu-pmu");
        writer_.cells("interrupt-parent", 1, dsu.interrupt_parent);
        CellWriter interrupts{writer_.property("interrupts", usize{4} * dsu.interrupt_cells)};
        for (const u32 cell : {is_spi, dsu.interrupt - first_spi, is_edge}) {
            interrupts.put(1, cell);
        }
        CellWriter cpus{writer_.property("cpus", 4 * dsu.cpus.size())};
        for (const u32 cpu : dsu.cpus) {
            cpus.put(1, cpu);
        }
        writer_.end_node();
    }
}

/// Each bank keeps its node, and with it a numa-node-id; only its reg shrinks to what the guest has
/// of it. A bank of which nothing is left is disabled: no reg at all would be an error.
void GuestDtbBuilder::write_memory(FdtNode node) {
    const CellCounts cells = source_.root().child_cells();
    const Bytes reg = node.get("reg").value_or(Bytes{});
    const auto for_each_piece = [&](auto visit) {
        CellReader banks{reg};
        while (const auto bank = banks.take_range(cells)) {
            for (const PhysRange& range : request_.memory) {
                const PhysAddr begin = std::max(bank->begin, range.begin);
                const PhysAddr end = std::min(bank->end(), range.end());
                if (begin < end) {
                    visit(PhysRange::between(begin, end));
                }
            }
        }
    };
    usize pieces = 0;
    for_each_piece([&](PhysRange) { pieces++; });
    if (pieces == 0) {
        writer_.property("reg", reg);
        writer_.string("status", "disabled");
        return;
    }
    CellWriter smaller{writer_.property("reg", pieces * 4 * (cells.address + cells.size))};
    for_each_piece([&](PhysRange piece) {
        smaller.put(cells.address, to_guest(piece.begin).value);
        smaller.put(cells.size, piece.size);
    });
}

void GuestDtbBuilder::write_status(FdtNode node) {
    const bool is_usable = is_usable_cpu(node);
    const auto value = writer_.string("status", is_usable ? status_okay : status_fail);
    if (is_usable && request_.spin_table) {
        writer_.string("enable-method", "spin-table");
        writer_.cells("cpu-release-addr", 2,
                      request_.spin_table->value + spin_table_entry_size * result_.cpu_count);
    }
    if (is_usable && !value.empty() && result_.cpu_count < max_cpus) {
        const auto offset = value.data() - writer_.begin();
        result_.cpu_status[result_.cpu_count++] = static_cast<u32>(offset);
    }
}

void GuestDtbBuilder::write_its_status(FdtNode node) {
    if (!node.is_enabled()) {
        writer_.string("status", "disabled");
        return;
    }
    const auto value = writer_.string("status", status_okay);
    if (!value.empty()) { // as many as Platform has room for
        (void)result_.its_status.push(static_cast<u32>(value.data() - writer_.begin()));
    }
}

/// In the place of status_okay.
void write_fail(std::span<std::byte> dtb, u32 offset) {
    if (offset > dtb.size() || dtb.size() - offset < status_fail.size()) {
        return;
    }
    for (usize i = 0; i < status_fail.size(); i++) {
        dtb[offset + i] = static_cast<std::byte>(status_fail[i]);
    }
}

} // namespace

Result<void> build_guest_dtb(std::span<const std::byte> firmware, const GuestDtbRequest& request,
                             std::span<std::byte> buffer, GuestDtb& result) {
    const auto source = Fdt::open(firmware);
    if (!source) {
        return std::unexpected(source.error());
    }
    result.size = 0;
    result.cpu_count = 0;
    result.its_status.clear();
    FdtWriter writer{buffer.first(std::min<usize>(buffer.size(), max_dtb_size))};
    return GuestDtbBuilder{*source, request, writer, result}.run();
}

void disable_cpu(std::span<std::byte> dtb, u32 status_offset) { write_fail(dtb, status_offset); }
void disable_its(std::span<std::byte> dtb, u32 status_offset) { write_fail(dtb, status_offset); }

void reserve_in_place(std::span<std::byte> dtb, u32 offset, PhysRange range) {
    if (offset > dtb.size() || dtb.size() - offset < reservation_size) {
        return;
    }
    CellWriter entry{dtb.subspan(offset, reservation_size)};
    entry.put(2, range.begin.value);
    entry.put(2, range.size);
}

} // namespace baton
