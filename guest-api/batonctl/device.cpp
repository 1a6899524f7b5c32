// SPDX-License-Identifier: BSD-2-Clause
#include "device.hpp"

#include "sentences.hpp"
#include "text.hpp"

#include <fcntl.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace batonctl {
namespace {

baton_u64 address_of(const void* data) { return reinterpret_cast<baton_u64>(data); }

Failure cannot_open(int error) {
    switch (error) {
    case ENOENT:
    case ENXIO:
    case ENODEV:
        return {Exit::no_baton,
                "There is no " BATON_DEVICE ": load the module (`modprobe baton`, or "
                "`insmod baton.ko`). It loads only where Baton is below the kernel."};
    case EACCES:
    case EPERM:
        return {Exit::not_allowed, BATON_DEVICE " is root's alone: run batonctl as root."};
    default:
        return {Exit::failed,
                format("%s cannot be opened: %s.", BATON_DEVICE, std::strerror(error))};
    }
}

} // namespace

Outcome<Device> Device::open() {
    Descriptor file(::open(BATON_DEVICE, O_RDWR | O_CLOEXEC));
    if (file.get() < 0) {
        return std::unexpected(cannot_open(errno));
    }
    return Device(std::move(file));
}

template <class Request>
Outcome<> Device::call(unsigned long command, Request& request) {
    if (::ioctl(file_.get(), command, &request) != 0) {
        return std::unexpected(explain(request.answer, errno));
    }
    return {};
}

Outcome<> Device::begin(const baton_load& load) {
    baton_ioctl_begin request{.answer = {}, .load = load};
    return call(BATON_IOCTL_BEGIN, request);
}

Outcome<> Device::copy(unsigned piece, baton_u64 offset, std::span<const std::byte> data) {
    baton_ioctl_copy request{};
    request.piece = piece;
    request.offset = offset;
    request.address = address_of(data.data());
    request.size = data.size();
    return call(BATON_IOCTL_COPY, request);
}

Outcome<> Device::seal(std::span<const std::byte, 32> digest) {
    baton_ioctl_seal request{};
    std::memcpy(request.digest, digest.data(), digest.size());
    return call(BATON_IOCTL_SEAL, request);
}

Outcome<> Device::drop() {
    baton_ioctl_drop request{};
    return call(BATON_IOCTL_DROP, request);
}

Outcome<> Device::exec() { return exec(0); }

Outcome<> Device::exec(baton_u64 id) {
    baton_ioctl_exec request{.answer = {}, .id = id};
    return call(BATON_IOCTL_EXEC, request);
}

Outcome<> Device::drop(baton_u64 id) {
    baton_ioctl_drop_id request{.answer = {}, .id = id};
    return call(BATON_IOCTL_DROP_ID, request);
}

Outcome<> Device::power(unsigned number, baton_vm_operation operation) {
    baton_ioctl_power request{.answer = {}, .vm = number, .operation = operation};
    return call(BATON_IOCTL_POWER, request);
}

/// What an older Baton does not know of the struct stays 0.
template <class Struct>
Outcome<Struct> Device::read(unsigned long command, unsigned argument) {
    Struct result{};
    baton_ioctl_read request{};
    request.argument = argument;
    request.address = address_of(&result);
    request.room = sizeof(result);
    if (Outcome<> called = call(command, request); !called) {
        return std::unexpected(called.error());
    }
    return result;
}

Outcome<baton_status> Device::status() { return read<baton_status>(BATON_IOCTL_STATUS); }

Outcome<baton_vm_status> Device::vm_status(unsigned number) {
    return read<baton_vm_status>(BATON_IOCTL_VM_STATUS, number);
}

Outcome<baton_trace> Device::trace() { return read<baton_trace>(BATON_IOCTL_TRACE); }

Outcome<baton_trace_cpu> Device::trace_cpu(unsigned number) {
    return read<baton_trace_cpu>(BATON_IOCTL_TRACE_CPU, number);
}

Outcome<std::string> Device::log(baton_u64& position) {
    char text[4096];
    baton_ioctl_read request{};
    request.argument = position;
    request.address = address_of(text);
    request.room = sizeof(text);
    if (Outcome<> called = call(BATON_IOCTL_LOG, request); !called) {
        return std::unexpected(called.error());
    }
    const baton_u64 bytes = std::min<baton_u64>(request.answer.value[0], sizeof(text));
    position = request.answer.value[1] + bytes;
    return std::string(text, bytes);
}

} // namespace batonctl
