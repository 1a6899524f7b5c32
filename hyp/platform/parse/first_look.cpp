// SPDX-License-Identifier: BSD-2-Clause
#include "hyp/platform/parse/first_look.hpp"

#include "hyp/platform/dtb/fdt_walk.hpp"

namespace baton {

namespace {

struct Found {
    FdtNode node;
    PhysRange frame;
};

/// The first enabled node that `is_it(walk)` says it is of, with its registers.
template <class Predicate>
std::optional<Found> find_device(const Fdt& fdt, Predicate is_it) {
    for (FdtWalk walk{fdt}; walk.next();) {
        const auto frame = is_it(walk) ? walk.reg(0) : std::nullopt;
        if (frame) {
            return Found{walk.node(), *frame};
        }
    }
    return std::nullopt;
}

/// As with Linux an alias and options behind a colon (":115200n8") may be in it.
std::string_view stdout_path(FdtNode chosen) {
    const std::string_view path = chosen.string("stdout-path");
    return path.empty() ? chosen.string("linux,stdout-path") : path;
}

void choose_by_earlycon(const Fdt& fdt, FirstLook& look) {
    look.uart = parse_earlycon(look.bootargs);
    if (!look.uart) {
        return;
    }
    const PhysAddr registers = look.uart->frame.begin;
    const auto found = find_device(fdt, [&](const FdtWalk& walk) {
        const auto frame = walk.reg(0);
        return frame && frame->begin == registers;
    });
    if (found) {
        look.uart_node = found->node;
    }
}

void choose_by_stdout(const Fdt& fdt, FdtNode chosen, FirstLook& look) {
    const std::string_view path = stdout_path(chosen);
    if (path.empty()) {
        look.why_no_uart = "no stdout-path: Baton's messages are in its log only";
        return;
    }
    const auto wanted = fdt.find(path.substr(0, path.find(':')));
    if (!wanted) {
        look.why_no_uart = "stdout-path names no node: Baton's messages are in its log only";
        return;
    }
    const auto found =
        find_device(fdt, [&](const FdtWalk& walk) { return walk.node() == *wanted; });
    if (!found) {
        look.why_no_uart =
            "stdout-path names a node that is disabled, or has no registers: Baton's "
            "messages are in its log only";
        return;
    }
    look.uart = describe_uart(found->node, found->frame);
    if (look.uart) {
        look.uart_node = found->node;
    } else {
        look.why_no_uart =
            "stdout-path names a UART that Baton has no driver for: its messages are "
            "in its log only";
    }
}

} // namespace

FirstLook look_first(const Fdt& fdt) {
    FirstLook look;
    const auto chosen = fdt.find("/chosen");
    if (!chosen) {
        look.why_no_uart = "no /chosen: Baton's messages are in its log only";
        return look;
    }
    look.bootargs = chosen->string("bootargs");
    choose_by_earlycon(fdt, look);
    if (!look.uart) {
        choose_by_stdout(fdt, *chosen, look);
    }
    return look;
}

FirstLook look_first(Bytes dtb) {
    const auto fdt = Fdt::open_unchecked(dtb);
    return fdt ? look_first(*fdt) : FirstLook{};
}

} // namespace baton
