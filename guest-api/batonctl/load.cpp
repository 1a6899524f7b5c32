// SPDX-License-Identifier: BSD-2-Clause
#include "load.hpp"

#include "device.hpp"
#include "hyp/crypto/sha256.hpp"
#include "pieces.hpp"
#include "progress.hpp"
#include "text.hpp"
#include "vms.hpp"

#include <algorithm>
#include <cstdio>

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

Outcome<> send(Device& device, Pieces& pieces) {
    Sender sender(device, pieces.size());
    Outcome<> sent = sender.send(pieces.kernel);
    if (sent && pieces.initrd) {
        sent = sender.send(*pieces.initrd);
    }
    if (sent && !pieces.command_line.empty()) {
        sent = sender.send(bytes_of(pieces.command_line));
    }
    for (const Module& module : pieces.modules) {
        sent = then(std::move(sent), [&] { return sender.send(module.bytes); });
        if (sent && !module.arguments.empty()) {
            sent = sender.send(bytes_of(module.arguments));
        }
    }
    return then(std::move(sent), [&] { return sender.seal(); });
}

/// Baton sees only that it is no Image, and that it is too big; we can say more.
Failure with_details(Failure failure, const Options& options, std::span<const std::byte> kernel) {
    if (!is_image(kernel)) {
        failure.sentence += " " + options.kernel + " seems to be " + what_it_is(kernel) + ".";
    }
    if (failure.status == BATON_TOO_BIG && !options.vm.empty()) {
        failure.sentence += " The slots of a VM with a node of its own are its baton,slot, in KiB.";
    }
    return failure;
}

/// Whom the user means by --vm. Nobody: the pieces are for this VM.
Outcome<> address(Pieces& pieces, Device& device, const Options& options) {
    if (options.vm.empty()) {
        return {};
    }
    return then(find_vm(device, options.vm), [&](const baton_vm_status& vm) {
        pieces.vm = vm.number;
        return Outcome<>();
    });
}

std::string destination(const Options& options, const Pieces& pieces) {
    if (options.host) {
        return format(" in the place of Baton, with %zu modules", pieces.modules.size());
    }
    return options.vm.empty() ? "" : " for VM " + options.vm;
}

} // namespace

Outcome<> load(const Options& options) {
    Outcome<Pieces> pieces = read_pieces(options);
    if (!pieces) {
        return std::unexpected(pieces.error());
    }
    Outcome<Device> device = Device::open();
    if (!device) {
        return std::unexpected(device.error());
    }
    if (Outcome<> addressed = address(*pieces, *device, options); !addressed) {
        return addressed;
    }
    Outcome<> sent =
        then(device->begin(pieces->described()), [&] { return send(*device, *pieces); });
    if (!sent) {
        return std::unexpected(with_details(sent.error(), options, pieces->kernel));
    }
    std::printf("staged%s: kernel %s, initrd %s, command line '%s'\n",
                destination(options, *pieces).c_str(), size_text(pieces->kernel.size()).c_str(),
                pieces->initrd ? size_text(pieces->initrd->size()).c_str() : "none",
                pieces->command_line.c_str());
    return {};
}

} // namespace batonctl
