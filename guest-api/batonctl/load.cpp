// SPDX-License-Identifier: BSD-2-Clause
#include "load.hpp"

#include "device.hpp"
#include "file.hpp"
#include "hyp/crypto/sha256.hpp"
#include "image.hpp"
#include "progress.hpp"
#include "text.hpp"

#include <algorithm>
#include <cstdio>
#include <optional>

namespace batonctl {
namespace {

/// What is read and sent between two words about the progress.
constexpr std::size_t step_bytes = std::size_t{1} << 20;

std::span<const std::byte> bytes_of(const std::string& text) {
    return std::as_bytes(std::span(text));
}

/// Sends pieces, and hashes what it sends: so the digest is that of what was read.
class Sender {
  public:
    Sender(Device& device, std::uint64_t total) : device_(device), progress_(total) {}

    Outcome<> send(std::span<const std::byte> piece) {
        return send_piece(piece.size(), [&](std::size_t offset, std::size_t size) {
            return Outcome<std::span<const std::byte>>(piece.subspan(offset, size));
        });
    }

    Outcome<> send(File& piece) {
        Bytes buffer(step_bytes);
        return send_piece(piece.size(), [&](std::size_t, std::size_t size) {
            const std::span<std::byte> part = std::span(buffer).first(size);
            return then(piece.read(part),
                        [&] { return Outcome<std::span<const std::byte>>(part); });
        });
    }

    Outcome<> seal() { return device_.seal(hash_.finish()); }

  private:
    template <class Part>
    Outcome<> send_piece(std::uint64_t size, Part part) {
        for (std::uint64_t offset = 0; offset < size; offset += step_bytes) {
            Outcome<std::span<const std::byte>> data =
                part(offset, std::min<std::uint64_t>(step_bytes, size - offset));
            if (!data) {
                return std::unexpected(data.error());
            }
            hash_.update(*data);
            if (Outcome<> copied = device_.copy(piece_, offset, *data); !copied) {
                return copied;
            }
            progress_.add(data->size());
        }
        piece_++;
        return {};
    }

    Device& device_;
    Progress progress_;
    baton::Sha256 hash_;
    unsigned piece_ = 0;
};

/// All that a load consists of; an initrd and a command line need not be there.
struct Pieces {
    Bytes kernel;
    std::optional<File> initrd;
    std::string command_line;

    baton_load described() const {
        baton_load load{};
        const auto add = [&](baton_u32 kind, std::uint64_t size) {
            load.pieces[load.piece_count++] = {.kind = kind, .reserved = 0, .size = size};
        };
        load.kind = BATON_GUEST_KEXEC;
        add(BATON_PIECE_KERNEL, kernel.size());
        if (initrd) {
            add(BATON_PIECE_INITRD, initrd->size());
        }
        if (!command_line.empty()) {
            add(BATON_PIECE_COMMAND_LINE, command_line.size());
        }
        return load;
    }

    std::uint64_t size() const {
        return kernel.size() + (initrd ? initrd->size() : 0) + command_line.size();
    }
};

Outcome<std::string> command_line(const Options& options) {
    if (!options.reuse_command_line) {
        return options.append;
    }
    return then(running_command_line(), [&](std::string line) {
        return Outcome<std::string>(options.append.empty() ? line : line + " " + options.append);
    });
}

Outcome<Pieces> read(const Options& options) {
    Outcome<Bytes> file =
        then(File::open(options.kernel, "kernel"), [](File opened) { return opened.read_all(); });
    Outcome<Bytes> kernel = then(std::move(file), [&](Bytes packed) {
        return unpack_kernel(std::move(packed), "The kernel " + options.kernel);
    });
    Outcome<std::string> line = command_line(options);
    if (!kernel || !line) {
        return std::unexpected(kernel ? line.error() : kernel.error());
    }
    Pieces pieces{.kernel = std::move(*kernel), .initrd = {}, .command_line = std::move(*line)};
    if (!options.initrd.empty()) {
        Outcome<File> initrd = File::open(options.initrd, "initrd");
        if (!initrd) {
            return std::unexpected(initrd.error());
        }
        pieces.initrd = std::move(*initrd);
    }
    return std::move(pieces);
}

Outcome<> send(Device& device, Pieces& pieces) {
    Sender sender(device, pieces.size());
    Outcome<> sent = sender.send(pieces.kernel);
    if (sent && pieces.initrd) {
        sent = sender.send(*pieces.initrd);
    }
    sent = then(std::move(sent), [&] { return sender.send(bytes_of(pieces.command_line)); });
    return then(std::move(sent), [&] { return sender.seal(); });
}

constexpr std::size_t magic_offset = 56;

/// Baton sees only that it is no Image; we can say more.
Failure with_kind(Failure failure, const Options& options, std::span<const std::byte> kernel) {
    const std::span<const std::byte> magic = std::as_bytes(std::span("ARM\x64")).first(4);
    const bool image = kernel.size() >= magic_offset + magic.size() &&
                       std::ranges::equal(kernel.subspan(magic_offset, magic.size()), magic);
    if (!image) {
        failure.sentence += " " + options.kernel + " seems to be " + what_it_is(kernel) + ".";
    }
    return failure;
}

} // namespace

Outcome<> load(const Options& options) {
    Outcome<Pieces> pieces = read(options);
    if (!pieces) {
        return std::unexpected(pieces.error());
    }
    Outcome<Device> device = Device::open();
    if (!device) {
        return std::unexpected(device.error());
    }
    Outcome<> sent =
        then(device->begin(pieces->described()), [&] { return send(*device, *pieces); });
    if (!sent) {
        return std::unexpected(with_kind(sent.error(), options, pieces->kernel));
    }
    std::printf("staged: kernel %s, initrd %s, command line '%s'\n",
                size_text(pieces->kernel.size()).c_str(),
                pieces->initrd ? size_text(pieces->initrd->size()).c_str() : "none",
                pieces->command_line.c_str());
    return {};
}

} // namespace batonctl
