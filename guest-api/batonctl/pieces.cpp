// SPDX-License-Identifier: BSD-2-Clause
#include "pieces.hpp"

#include "text.hpp"

#include <algorithm>

namespace batonctl {
namespace {

/// As many as fit into a load beside kernel, initrd and command line, with arguments for each.
constexpr std::size_t most_modules = (BATON_MAX_PIECES - 3) / 2;

constexpr std::size_t magic_offset = 56;

/// A kernel goes as an Image, unpacked if it is packed; all else as it is.
Outcome<Module> read_module(const ModuleOption& option) {
    Outcome<Bytes> file =
        then(File::open(option.file, "module"), [](File opened) { return opened.read_all(); });
    if (!file) {
        return std::unexpected(file.error());
    }
    Outcome<Bytes> kernel = unpack_kernel(*file, "The module " + option.file);
    const bool is_kernel = kernel && is_image(*kernel);
    return Module{.bytes = is_kernel ? std::move(*kernel) : std::move(*file),
                  .arguments = option.arguments,
                  .is_kernel = is_kernel};
}

Outcome<std::vector<Module>> read_modules(const Options& options) {
    if (options.modules.size() > most_modules) {
        return fail(Exit::usage, format("There are %zu modules; at most %zu go into a load.",
                                        options.modules.size(), most_modules));
    }
    std::vector<Module> modules;
    for (const ModuleOption& option : options.modules) {
        Outcome<Module> module = read_module(option);
        if (!module) {
            return std::unexpected(module.error());
        }
        modules.push_back(std::move(*module));
    }
    return std::move(modules);
}

Outcome<std::string> command_line(const Options& options) {
    if (!options.reuse_command_line) {
        return options.append;
    }
    return then(running_command_line(), [&](std::string line) {
        return Outcome<std::string>(options.append.empty() ? line : line + " " + options.append);
    });
}

} // namespace

bool is_image(std::span<const std::byte> file) {
    const std::span<const std::byte> magic = std::as_bytes(std::span("ARM\x64")).first(4);
    return file.size() >= magic_offset + magic.size() &&
           std::ranges::equal(file.subspan(magic_offset, magic.size()), magic);
}

baton_load Pieces::described() const {
    baton_load load{};
    const auto add = [&](baton_u32 piece, std::uint64_t size) {
        if (size != 0) {
            load.pieces[load.piece_count++] = {.kind = piece, .reserved = 0, .size = size};
        }
    };
    load.kind = kind;
    load.vm = vm;
    add(BATON_PIECE_KERNEL, kernel.size());
    add(BATON_PIECE_INITRD, initrd ? initrd->size() : 0);
    add(BATON_PIECE_COMMAND_LINE, command_line.size());
    for (const Module& module : modules) {
        add(module.is_kernel ? BATON_PIECE_MODULE_KERNEL : BATON_PIECE_MODULE_RAMDISK,
            module.bytes.size());
        add(BATON_PIECE_MODULE_ARGUMENTS, module.arguments.size());
    }
    return load;
}

std::uint64_t Pieces::size() const {
    const baton_load load = described();
    std::uint64_t sum = 0;
    for (const baton_piece& piece : std::span(load.pieces).first(load.piece_count)) {
        sum += piece.size;
    }
    return sum;
}

Outcome<Pieces> read_pieces(const Options& options) {
    Outcome<Bytes> file =
        then(File::open(options.kernel, "kernel"), [](File opened) { return opened.read_all(); });
    Outcome<Bytes> kernel = then(std::move(file), [&](Bytes packed) {
        return unpack_kernel(std::move(packed), "The kernel " + options.kernel);
    });
    Outcome<std::string> line = command_line(options);
    if (!kernel || !line) {
        return std::unexpected(kernel ? line.error() : kernel.error());
    }
    Outcome<std::vector<Module>> modules = read_modules(options);
    if (!modules) {
        return std::unexpected(modules.error());
    }
    Pieces pieces{.kind = options.host ? BATON_HOST_KEXEC : BATON_GUEST_KEXEC,
                  .kernel = std::move(*kernel),
                  .initrd = {},
                  .command_line = std::move(*line),
                  .modules = std::move(*modules),
                  .vm = 0};
    if (!options.initrd.empty()) {
        Outcome<File> initrd = File::open(options.initrd, "initrd");
        if (!initrd) {
            return std::unexpected(initrd.error());
        }
        pieces.initrd = std::move(*initrd);
    }
    return std::move(pieces);
}

} // namespace batonctl
