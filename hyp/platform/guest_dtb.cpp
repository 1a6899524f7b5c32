// SPDX-License-Identifier: BSD-2-Clause
#include "hyp/platform/guest_dtb.hpp"

#include "hyp/platform/fdt.hpp"
#include "hyp/platform/fdt_writer.hpp"
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

/// What the filter does with a node's properties depends on what the node is.
enum class NodeKind { plain, root, chosen, cpus, cpu, memory, psci, gic };

bool is_msi_controller(FdtNode node) {
    return node.is_compatible("arm,gic-v3-its") || node.is_compatible("arm,gic-v2m-frame");
}

template <usize size>
bool is_one_of(std::string_view name, const std::string_view (&names)[size]) {
    return std::find(std::begin(names), std::end(names), name) != std::end(names);
}

class GuestDtbBuilder {
  public:
    GuestDtbBuilder(const Fdt& source, const GuestDtbRequest& request, FdtWriter& writer,
                    GuestDtb& result)
        : source_{source}, chosen_{source.find("/chosen")}, cpus_{source.find("/cpus")},
          request_{request}, writer_{writer}, result_{result} {}

    Result<> run();

  private:
    Result<> find_hidden(FdtNode node);
    Result<> copy_tree();
    bool enter(FdtNode node);
    void leave();
    NodeKind kind_of(FdtNode node) const;
    bool is_dropped(FdtNode node) const;
    void write_own_properties(FdtNode node, NodeKind kind);
    void write_chosen();
    void write_seed();
    void write_memory(FdtNode node);
    void write_status(FdtNode node);
    bool is_kept(std::string_view name, Bytes value) const;
    bool is_kept_in_chosen(std::string_view name) const;
    bool refers_to_hidden(std::string_view name, Bytes value) const;
    NodeKind parent() const { return open_.empty() ? NodeKind::plain : open_[open_.size() - 1]; }

    const Fdt& source_;
    std::optional<FdtNode> chosen_;
    std::optional<FdtNode> cpus_;
    const GuestDtbRequest& request_;
    FdtWriter& writer_;
    GuestDtb& result_;
    StaticVector<u32, 128> hidden_; ///< phandles of MSI controllers
    StaticVector<NodeKind, 32> open_;
};

Result<> GuestDtbBuilder::run() {
    const void* fdt = source_.data();
    for (int offset = 0; offset >= 0; offset = fdt_next_node(fdt, offset, nullptr)) {
        if (auto result = find_hidden({fdt, offset}); !result) {
            return result;
        }
    }
    for (u32 i = 0; i < source_.reservation_count(); i++) {
        if (const auto range = source_.reservation(i)) {
            writer_.add_reservation(*range);
        }
    }
    writer_.begin_tree(fdt_boot_cpuid_phys(fdt));
    if (auto result = copy_tree(); !result) {
        return result;
    }
    const auto size = writer_.finish();
    if (!size) {
        return std::unexpected(size.error());
    }
    result_.size = *size;
    return {};
}

/// Collects the controllers that translate to LPIs or, by writes to the distributor, to SPIs: Baton
/// has neither for the guest.
Result<> GuestDtbBuilder::find_hidden(FdtNode node) {
    const bool by_distributor = node.is_compatible("arm,gic-v3") && node.has("msi-controller");
    if (!is_msi_controller(node) && !by_distributor) {
        return {};
    }
    const auto phandle = node.phandle();
    if (phandle && !hidden_.push(*phandle)) {
        return std::unexpected(Error::too_many);
    }
    return {};
}

Result<> GuestDtbBuilder::copy_tree() {
    const void* fdt = source_.data();
    int offset = 0;
    int next = 0;
    for (;; offset = next) {
        switch (fdt_next_tag(fdt, offset, &next)) {
        case FDT_BEGIN_NODE: {
            const FdtNode node{fdt, offset};
            if (is_dropped(node)) {
                next = node.end_offset();
            } else if (!enter(node)) {
                return std::unexpected(Error::too_many);
            }
            break;
        }
        case FDT_PROP: {
            const FdtProperty property = source_.property_at(offset);
            if (is_kept(property.name, property.value)) {
                writer_.property(property.name, property.value);
            }
            break;
        }
        case FDT_END_NODE:
            leave();
            break;
        case FDT_NOP:
            break;
        default:
            return {};
        }
    }
}

/// False: nested too deep.
bool GuestDtbBuilder::enter(FdtNode node) {
    const NodeKind kind = kind_of(node);
    writer_.begin_node(node.name().data());
    write_own_properties(node, kind);
    return open_.push(kind);
}

void GuestDtbBuilder::leave() {
    if (parent() == NodeKind::root && !chosen_) {
        writer_.begin_node("chosen");
        write_chosen();
        writer_.end_node();
    }
    writer_.end_node();
    open_.erase(open_.size() - 1);
}

/// @param node about to be entered: the last open node is its parent
NodeKind GuestDtbBuilder::kind_of(FdtNode node) const {
    if (open_.empty()) {
        return NodeKind::root;
    }
    if (parent() == NodeKind::root) {
        if (node == chosen_) {
            return NodeKind::chosen;
        }
        if (node == cpus_) {
            return NodeKind::cpus;
        }
        if (node.string("device_type") == "memory" && node.is_enabled()) {
            return NodeKind::memory;
        }
    }
    if (parent() == NodeKind::cpus && is_cpu(node)) {
        return NodeKind::cpu;
    }
    if (node.is_compatible("arm,psci-1.0") || node.is_compatible("arm,psci-0.2")) {
        return NodeKind::psci;
    }
    return node.is_compatible("arm,gic-v3") ? NodeKind::gic : NodeKind::plain;
}

bool GuestDtbBuilder::is_dropped(FdtNode node) const {
    switch (parent()) {
    case NodeKind::chosen:
        return node.is_compatible("multiboot,module");
    case NodeKind::cpus:
        return is_one_of(node.name(), {"idle-states", "domain-idle-states"});
    default:
        return is_msi_controller(node);
    }
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

/// Each bank keeps its node, and with it a numa-node-id; only its reg shrinks to what the guest has
/// of it. A bank of which nothing is left is disabled: no reg at all would be an error.
void GuestDtbBuilder::write_memory(FdtNode node) {
    const CellCounts cells = source_.root().child_cells();
    const auto for_each_piece = [&](auto visit) {
        CellReader banks{node.get("reg").value_or(Bytes{})};
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
        writer_.property("reg", node.get("reg").value_or(Bytes{}));
        writer_.string("status", "disabled");
        return;
    }
    CellWriter reg{writer_.property("reg", pieces * 4 * (cells.address + cells.size))};
    for_each_piece([&](PhysRange piece) {
        reg.put(cells.address, to_guest(piece.begin).value);
        reg.put(cells.size, piece.size);
    });
}

void GuestDtbBuilder::write_status(FdtNode node) {
    const bool is_usable = node.is_enabled();
    const auto value = writer_.string("status", is_usable ? status_okay : status_fail);
    if (is_usable && !value.empty() && result_.cpu_count < max_cpus) {
        const auto offset = value.data() - writer_.begin();
        result_.cpu_status[result_.cpu_count++] = static_cast<u32>(offset);
    }
}

/// @param name a property of the last open node
bool GuestDtbBuilder::is_kept(std::string_view name, Bytes value) const {
    switch (parent()) {
    case NodeKind::chosen:
        return is_kept_in_chosen(name);
    case NodeKind::memory:
        return !is_one_of(name, {"reg", "status", "linux,usable-memory"});
    case NodeKind::cpu:
        return !is_one_of(name, {"status", "cpu-idle-states"});
    case NodeKind::psci:
        return !is_one_of(name,
                          {"compatible", "method", "cpu_on", "cpu_off", "cpu_suspend", "migrate"});
    case NodeKind::gic:
        return !is_one_of(name, {"msi-controller", "mbi-ranges", "mbi-alias"});
    default:
        return name != "domain-idle-states" && !refers_to_hidden(name, value);
    }
}

/// What tells of the boot before this one goes: with linux,uefi-* a kernel would take its memory
/// from the firmware's map instead of from /memory.
bool GuestDtbBuilder::is_kept_in_chosen(std::string_view name) const {
    return !is_one_of(name, {"bootargs", "linux,initrd-start", "linux,initrd-end", "kaslr-seed",
                             "rng-seed"}) &&
           !name.starts_with("linux,uefi-");
}

bool GuestDtbBuilder::refers_to_hidden(std::string_view name, Bytes value) const {
    CellReader reader{value};
    if (name == "msi-parent") {
        const auto phandle = reader.take(1);
        return phandle && std::find(hidden_.begin(), hidden_.end(), *phandle) != hidden_.end();
    }
    if (name != "msi-map") {
        return false;
    }
    // Entries of: first requester ID, controller, first MSI ID, count.
    while (reader.skip(1)) {
        const auto phandle = reader.take(1);
        if (phandle && std::find(hidden_.begin(), hidden_.end(), *phandle) != hidden_.end()) {
            return true;
        }
        if (!reader.skip(2)) {
            break;
        }
    }
    return false;
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
    FdtWriter writer{buffer.first(std::min<usize>(buffer.size(), max_dtb_size))};
    return GuestDtbBuilder{*source, request, writer, result}.run();
}

void disable_cpu(std::span<std::byte> dtb, u32 status_offset) {
    if (status_offset > dtb.size() || dtb.size() - status_offset < status_fail.size()) {
        return;
    }
    for (usize i = 0; i < status_fail.size(); i++) {
        dtb[status_offset + i] = static_cast<std::byte>(status_fail[i]);
    }
}

} // namespace baton
