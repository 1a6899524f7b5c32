// SPDX-License-Identifier: BSD-2-Clause
//
// A load of an image for the whole machine, which brings boot modules along.
#include "tests/unit/vm/vm_machine.hpp"

using namespace baton;
using baton::test::End;
using baton::test::kernel_image;
using baton::test::VmMachine;

namespace {

struct Part {
    u32 kind;
    std::string bytes;
};

const std::vector<Part> parts{
    {BATON_PIECE_KERNEL, kernel_image(50'000, MiB, 'n')},
    {BATON_PIECE_INITRD, "initrd"},
    {BATON_PIECE_MODULE_KERNEL, kernel_image(5'000, MiB, 'm')},
    {BATON_PIECE_MODULE_ARGUMENTS, "console=ttyAMA0 quiet"},
    {BATON_PIECE_MODULE_RAMDISK, "a ramdisk of the module"},
    {BATON_PIECE_COMMAND_LINE, "baton.rotate"},
};

/// The load's id, when everything is copied.
u64 copy_all(VmMachine& machine, std::string& all) {
    baton_load request = VmMachine::load_request(host_vm, {}, BATON_HOST_KEXEC);
    for (const Part& part : parts) {
        request.pieces[request.piece_count++] = {part.kind, 0, part.bytes.size()};
    }
    const auto begun = machine.begin(host_vm, request);
    REQUIRE(begun.status == BATON_OK);
    for (u64 piece = 0; piece < parts.size(); piece++) {
        const std::string& bytes = parts[piece].bytes;
        REQUIRE(machine.copy(host_vm, begun.values[0], piece, 0, bytes).status == BATON_OK);
        all += bytes;
    }
    return begun.values[0];
}

/// The modules of a DTB, in its order.
std::vector<FdtNode> modules(Fdt fdt) {
    std::vector<FdtNode> found;
    for_each_child(*fdt.find("/chosen"), [&](FdtNode child) {
        if (child.is_compatible("multiboot,module")) {
            found.push_back(child);
        }
    });
    return found;
}

std::string_view bytes_of(VmMachine& machine, FdtNode module) {
    CellReader reg{*module.get("reg")};
    return machine.memory.text(*reg.take_range({2, 2}));
}

} // namespace

TEST_CASE("modules go into the slot, and into both DTBs with their arguments") {
    VmMachine machine;
    std::string all;
    const u64 id = copy_all(machine, all);
    REQUIRE(machine.seal(host_vm, id, all).status == BATON_OK);
    CHECK_FALSE(machine.try_call(host_vm, 0, BATON_EXEC, {0, id}));
    CHECK(machine.end == End::left);
    REQUIRE(machine.left_to);
    const StagedImage& image = *machine.left_to;
    CHECK(image.size == all.size());

    const PhysRange dtbs[]{image.description.range(), image.fallback->range()};
    for (const PhysRange& range : dtbs) {
        const Fdt dtb = *Fdt::open(std::as_bytes(std::span{machine.memory.text(range)}));
        CHECK(dtb.find("/chosen")->string("bootargs") == "baton.rotate");
        const auto found = modules(dtb);
        REQUIRE(found.size() == 2);
        CHECK(found[0].is_compatible("multiboot,kernel"));
        CHECK(found[0].string("bootargs") == parts[3].bytes);
        CHECK(bytes_of(machine, found[0]) == parts[2].bytes);
        CHECK(found[1].is_compatible("multiboot,ramdisk"));
        CHECK_FALSE(found[1].has("bootargs"));
        CHECK(bytes_of(machine, found[1]) == parts[4].bytes);
    }
}

TEST_CASE("arguments with a NUL in them are refused") {
    VmMachine machine;
    baton_load request =
        VmMachine::load_request(host_vm, {{BATON_PIECE_KERNEL, 0, parts[0].bytes.size()},
                                          {BATON_PIECE_COMMAND_LINE, 0, 4}});
    const u64 id = machine.begin(host_vm, request).values[0];
    REQUIRE(machine.copy(host_vm, id, 0, 0, parts[0].bytes).status == BATON_OK);
    CHECK(machine.copy(host_vm, id, 1, 0, {"a\0b", 3}).status == BATON_BAD_COMMAND_LINE);
    CHECK(machine.copy(host_vm, id, 1, 0, "abcd").status == BATON_OK); // it did not count
}

TEST_CASE("a kernel's first chunk has all of its header") {
    VmMachine machine;
    const std::string& kernel = parts[0].bytes;
    const u64 id =
        machine
            .begin(host_vm,
                   VmMachine::load_request(host_vm, {{BATON_PIECE_KERNEL, 0, kernel.size()}}))
            .values[0];
    CHECK(machine.copy(host_vm, id, 0, 0, kernel.substr(0, 63)).status == BATON_INVALID_PARAMETER);
    CHECK(machine.copy(host_vm, id, 0, 0, kernel.substr(0, 64)).status == BATON_OK);
}
