// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "arch/arm64/efi/uefi.hpp"
#include "hyp/static_vector.hpp"

#include <expected>
#include <optional>
#include <span>
#include <string_view>

/// The stub's view of the firmware that started it, as long as boot services last.
namespace baton::arm64::efi {

/// Why Baton does not start: told on the firmware's console, and `status` goes back to whoever
/// started it, so that it may try its next entry.
struct Refusal {
    Status status;
    const char* why;
};
template <class T = void>
using Attempt = std::expected<T, Refusal>;

inline std::unexpected<Refusal> refuse(Status status, const char* why) {
    return std::unexpected(Refusal{status, why});
}

class Loader {
  public:
    Loader(Handle image, SystemTable& system) : image_{image}, system_{system} {}

    Handle image() const { return image_; }
    SystemTable& system() const { return system_; }
    BootServices& boot() const { return *system_.boot; }

    /// A line on the firmware's console, if it has one. Longer ones than 200 characters are cut.
    void say(std::string_view line) const;

    /// @return nullptr if the handle does not have the protocol
    template <class Protocol>
    Protocol* protocol_of(Handle handle, const Guid& guid) const {
        void* interface = nullptr;
        return failed(boot().handle_protocol(handle, &guid, &interface))
                   ? nullptr
                   : static_cast<Protocol*>(interface);
    }
    /// Of whichever handle has it; nullptr if none does.
    template <class Protocol>
    Protocol* any(const Guid& guid) const {
        void* interface = nullptr;
        return failed(boot().locate_protocol(&guid, nullptr, &interface))
                   ? nullptr
                   : static_cast<Protocol*>(interface);
    }
    /// An entry of the configuration table; nullptr if it has none of that name.
    const void* table(const Guid& guid) const;

    /// Whole pages, zeroed by nobody. Nothing: the firmware has no more.
    /// @param type of memory_type
    std::optional<std::span<std::byte>> pages(u32 type, u64 size);
    /// @param pages as they were got
    void give_back(std::span<std::byte> pages);
    /// All that there are still, and that nobody keeps.
    void give_all_back();
    /// The firmware has been told of them, so they stay whatever comes.
    void keep(std::span<std::byte> pages);

  private:
    Handle image_;
    SystemTable& system_;
    StaticVector<std::span<std::byte>, 8> taken_{};
};

} // namespace baton::arm64::efi
