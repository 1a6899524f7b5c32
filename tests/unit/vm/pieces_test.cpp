// SPDX-License-Identifier: BSD-2-Clause
#include "hyp/kexec/pieces.hpp"

#include <doctest/doctest.h>
#include <vector>

using namespace baton;
using enum PieceKind;

namespace {

bool in_order(Kexec kexec, std::initializer_list<PieceKind> kinds) {
    std::vector<Piece> pieces;
    for (const PieceKind kind : kinds) {
        pieces.push_back({kind, 1});
    }
    return is_in_order(kexec, pieces);
}

} // namespace

TEST_CASE("a kernel comes first, with an initrd and a command line in any order") {
    for (const Kexec kexec : {Kexec::guest, Kexec::host}) {
        CHECK(in_order(kexec, {kernel}));
        CHECK(in_order(kexec, {kernel, initrd, command_line}));
        CHECK(in_order(kexec, {kernel, command_line, initrd}));
        CHECK_FALSE(in_order(kexec, {initrd}));
        CHECK_FALSE(in_order(kexec, {initrd, kernel}));
        CHECK_FALSE(in_order(kexec, {kernel, kernel}));
        CHECK_FALSE(in_order(kexec, {kernel, initrd, initrd}));
        CHECK_FALSE(in_order(kexec, {kernel, command_line, command_line}));
    }
    const Piece empty[]{{kernel, 1}, {initrd, 0}};
    CHECK_FALSE(is_in_order(Kexec::guest, empty));
}

TEST_CASE("modules are for the host, and each may have arguments right behind it") {
    CHECK(in_order(Kexec::host, {kernel, module_kernel, module_arguments, module_ramdisk}));
    CHECK(in_order(Kexec::host, {kernel, module_ramdisk, command_line, module_kernel}));
    CHECK_FALSE(in_order(Kexec::guest, {kernel, module_kernel}));
    CHECK_FALSE(in_order(Kexec::guest, {kernel, module_ramdisk}));
    CHECK_FALSE(in_order(Kexec::host, {kernel, module_arguments}));
    CHECK_FALSE(in_order(Kexec::host, {kernel, module_kernel, module_arguments, module_arguments}));
    CHECK_FALSE(in_order(Kexec::host, {kernel, module_kernel, command_line, module_arguments}));

    std::vector<Piece> pieces{{kernel, 1}};
    pieces.resize(1 + Attachments::max_modules, {module_ramdisk, 1});
    CHECK(is_in_order(Kexec::host, pieces));
    pieces.push_back({module_ramdisk, 1});
    CHECK_FALSE(is_in_order(Kexec::host, pieces));
}

TEST_CASE("texts do not go into the slot") {
    const Piece pieces[]{{kernel, 1},        {initrd, 2},           {command_line, 3},
                         {module_kernel, 4}, {module_arguments, 5}, {module_ramdisk, 6}};
    const Attachments with = attachments_of(pieces);
    CHECK(with.initrd == 2);
    REQUIRE(with.modules.size() == 2);
    CHECK(with.modules[0] == 4);
    CHECK(with.modules[1] == 6);
    CHECK(attachments_of(std::span{pieces}.first(1)).initrd == 0);
}
