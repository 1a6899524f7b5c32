// SPDX-License-Identifier: BSD-2-Clause
#include "tests/unit/platform/efi_firmware.hpp"

#include "arch/arm64/efi/cpu.hpp"
#include "arch/arm64/efi/stub.hpp"

#include <doctest/doctest.h>

namespace baton::test {

namespace {

Firmware* the_firmware = nullptr;

/// What ends the stub where it would enter Baton.
struct Entered {};

char image_handle, device_handle, initrd_handle;

struct OpenedFile {
    efi::File file{};
    const std::string* content = nullptr; ///< nullptr: the root
    usize at = 0;
};

} // namespace

/// The functions of the firmware.
struct Services {
    static Firmware& self() { return *the_firmware; }

    static efi::Status output(efi::TextOutput*, const char16_t* text) {
        CHECK_FALSE(self().ended);
        for (; *text != u'\0'; text++) {
            self().said += static_cast<char>(*text);
        }
        return efi::success;
    }
    static efi::Status allocate(efi::Allocate, u32, usize pages, u64* address) {
        CHECK_FALSE(self().ended);
        if (pages > self().pages_left) {
            return efi::out_of_resources;
        }
        self().pages_left -= pages;
        self().pages_taken += pages;
        void* const memory = std::aligned_alloc(page_size, pages * page_size);
        std::memset(memory, 0xa5, pages * page_size);
        *address = reinterpret_cast<u64>(memory);
        self().allocated_[*address] = pages;
        self().key_++;
        return efi::success;
    }
    static efi::Status free(u64 address, usize pages) {
        CHECK_FALSE(self().ended);
        REQUIRE(self().allocated_.contains(address));
        CHECK(self().allocated_[address] == pages);
        std::free(reinterpret_cast<void*>(address));
        self().allocated_.erase(address);
        self().pages_taken -= pages;
        self().key_++;
        return efi::success;
    }
    static efi::Status memory_map(usize* size, void* to, usize* key, usize* descriptor_size,
                                  u32* version) {
        constexpr usize step = 48; // larger than what is known of a descriptor
        const usize needed = self().map.size() * step;
        *descriptor_size = step;
        *version = 1;
        if (*size < needed) {
            *size = needed;
            return efi::buffer_too_small;
        }
        *size = needed;
        *key = self().key_;
        for (usize i = 0; i < self().map.size(); i++) {
            std::memcpy(static_cast<char*>(to) + i * step, &self().map[i],
                        sizeof(efi::MemoryDescriptor));
        }
        return efi::success;
    }
    static efi::Status exit_boot_services(efi::Handle image, usize key) {
        CHECK(image == &image_handle);
        if (self().stale_keys > 0) {
            self().stale_keys--;
            self().key_++;
            self().map.push_back({efi::memory_type::conventional, 0, u64{1} << 40, 0, 1, 0});
        }
        if (key != self().key_) {
            return efi::invalid_parameter;
        }
        self().ended = true;
        return efi::success;
    }
    static efi::Status protocol(efi::Handle handle, const efi::Guid* guid, void** interface) {
        Firmware& it = self();
        if (handle == &image_handle && *guid == efi::loaded_image_guid) {
            *interface = &it.image_;
        } else if (handle == &image_handle && *guid == efi::shell_parameters_guid && it.in_shell) {
            *interface = &it.shell_;
        } else if (handle == &device_handle && *guid == efi::file_system_guid &&
                   !it.files.empty()) {
            *interface = &it.volume_;
        } else if (handle == &initrd_handle && *guid == efi::load_file2_guid) {
            *interface = &it.load_file_;
        } else if (PciFunction* const function = function_of(handle);
                   function != nullptr && *guid == efi::pci_io_guid) {
            *interface = &function->io;
        } else {
            return efi::unsupported;
        }
        return efi::success;
    }
    static PciFunction* function_of(efi::Handle handle) {
        for (PciFunction& function : self().functions) {
            if (&function == handle) {
                return &function;
            }
        }
        return nullptr;
    }
    static efi::Status locate(u32 search, const efi::Guid* guid, void*, usize* size,
                              efi::Handle* to) {
        CHECK(search == 2);
        CHECK(*guid == efi::pci_io_guid);
        const usize needed = self().functions.size() * sizeof(efi::Handle);
        if (needed == 0) {
            return efi::not_found;
        }
        const bool fits = *size >= needed;
        *size = needed;
        for (usize i = 0; fits && i < self().functions.size(); i++) {
            to[i] = &self().functions[i];
        }
        return fits ? efi::success : efi::buffer_too_small;
    }
    static efi::Status device_path(const efi::Guid* guid, efi::DevicePath** path,
                                   efi::Handle* handle) {
        CHECK(*guid == efi::load_file2_guid);
        if (self().offered_initrd.empty()) {
            return efi::not_found;
        }
        // A vendor's node of 20 bytes with the name that Linux has given it, and the end.
        CHECK(std::memcmp(
                  *path,
                  "\x04\x03\x14\x00\x27\xe4\x68\x55\xfc\x68\x3d\x4f\xac\x74\xca\x55\x52\x31\xcc"
                  "\x68\x7f\xff\x04\x00",
                  24) == 0);
        *handle = &initrd_handle;
        return efi::success;
    }
    static efi::Status locate_protocol(const efi::Guid* guid, void*, void** interface) {
        if (*guid == efi::tcg2_guid && !self().tpm_log.empty()) {
            *interface = &self().tpm_;
            return efi::success;
        }
        *interface = &self().rng_;
        return *guid == efi::rng_guid && self().has_rng ? efi::success : efi::not_found;
    }
    static efi::Status event_log(efi::Tcg2*, u32 format, const std::byte** log,
                                 const std::byte** last, bool* truncated) {
        if (format != self().tpm_format) {
            return efi::invalid_parameter;
        }
        *log = self().tpm_log.data();
        *last = *log + self().last_event;
        *truncated = false;
        return efi::success;
    }
    static efi::Status install(const efi::Guid* guid, void* table) {
        CHECK(*guid == efi::tpm_event_log_guid);
        self().kept_log = static_cast<const std::byte*>(table);
        return efi::success;
    }
    static efi::Status disconnect(efi::Handle controller, efi::Handle, efi::Handle) {
        function_of(controller)->connected = false;
        return efi::success;
    }
    static efi::Status variable(const char16_t* name, const efi::Guid*, u32* attributes,
                                usize* size, void* data) {
        const auto found = self().variables.find(name);
        if (found == self().variables.end()) {
            return efi::not_found;
        }
        CHECK(*size == 1);
        *attributes = 0x2;
        std::memcpy(data, &found->second, 1);
        return efi::success;
    }
    static efi::Status load(efi::LoadFile2*, efi::DevicePath*, bool, usize* size, void* to) {
        const std::string& initrd = self().offered_initrd;
        const bool fits = to != nullptr && *size >= initrd.size();
        *size = initrd.size();
        if (!fits) {
            return efi::buffer_too_small;
        }
        std::memcpy(to, initrd.data(), initrd.size());
        return efi::success;
    }
    static efi::Status random(efi::Rng*, const efi::Guid*, usize size, void* to) {
        for (usize i = 0; i < size; i++) {
            static_cast<u8*>(to)[i] = static_cast<u8>(i + 1);
        }
        return efi::success;
    }
    static PciFunction& function(efi::PciIo* io) { return *reinterpret_cast<PciFunction*>(io); }
    static efi::Status pci_read(efi::PciIo* io, u32 width, u32 offset, usize, void* to) {
        if (width == 1 && offset == 4) {
            std::memcpy(to, &function(io).command, 2);
        } else {
            REQUIRE((width == 2 && offset == 8));
            std::memcpy(to, &function(io).class_code, 4);
        }
        return efi::success;
    }
    static efi::Status pci_write(efi::PciIo* io, u32 width, u32 offset, usize, void* from) {
        REQUIRE((width == 1 && offset == 4));
        std::memcpy(&function(io).command, from, 2);
        return efi::success;
    }

    static OpenedFile& opened(efi::File* file) { return *reinterpret_cast<OpenedFile*>(file); }
    static efi::File* open_file(const std::string* content) {
        auto* const file = new OpenedFile;
        file->file.open = open;
        file->file.close = close;
        file->file.read = read;
        file->file.get_position = get_position;
        file->file.set_position = set_position;
        file->content = content;
        return &file->file;
    }
    static efi::Status open_volume(efi::FileSystem*, efi::File** root) {
        *root = open_file(nullptr);
        return efi::success;
    }
    static efi::Status open(efi::File*, efi::File** file, const char16_t* name, u64 mode, u64) {
        CHECK(mode == 1);
        const auto found = self().files.find(name);
        if (found == self().files.end()) {
            return efi::not_found;
        }
        *file = open_file(&found->second);
        return efi::success;
    }
    static efi::Status close(efi::File* file) {
        delete &opened(file);
        return efi::success;
    }
    static efi::Status read(efi::File* file, usize* size, void* to) {
        OpenedFile& it = opened(file);
        *size = std::min<usize>({*size, it.content->size() - it.at, 1000}); // a piece at a time
        std::memcpy(to, it.content->data() + it.at, *size);
        it.at += *size;
        return efi::success;
    }
    static efi::Status get_position(efi::File* file, u64* at) {
        *at = opened(file).at;
        return efi::success;
    }
    static efi::Status set_position(efi::File* file, u64 at) {
        opened(file).at = at == ~u64{0} ? opened(file).content->size() : at;
        return efi::success;
    }
};

Firmware::Firmware() {
    the_firmware = this;
    out_.output_string = Services::output;
    boot_.allocate_pages = Services::allocate;
    boot_.free_pages = Services::free;
    boot_.get_memory_map = Services::memory_map;
    boot_.exit_boot_services = Services::exit_boot_services;
    boot_.handle_protocol = Services::protocol;
    boot_.locate_handle = Services::locate;
    boot_.locate_device_path = Services::device_path;
    boot_.locate_protocol = Services::locate_protocol;
    boot_.install_configuration_table = Services::install;
    tpm_.get_event_log = Services::event_log;
    boot_.disconnect_controller = Services::disconnect;
    runtime_.get_variable = Services::variable;
    load_file_.load = Services::load;
    volume_.open_volume = Services::open_volume;
    rng_.get = Services::random;
    system.out = &out_;
    system.boot = &boot_;
    system.runtime = &runtime_;
    map = {{efi::memory_type::conventional, 0, 0x4000'0000, 0, 0x1000, 0xf}};
}

Firmware::~Firmware() {
    for (const auto& [address, pages] : allocated_) {
        std::free(reinterpret_cast<void*>(address));
    }
    the_firmware = nullptr;
}

Firmware& Firmware::here() { return *the_firmware; }

std::optional<efi::Status> Firmware::start() {
    image_.device = &device_handle;
    image_.options = options.data();
    image_.options_size = static_cast<u32>(options.size() * sizeof(char16_t));
    for (std::u16string& argument : arguments) {
        shell_arguments_.push_back(argument.data());
    }
    shell_.arguments = shell_arguments_.data();
    shell_.count = shell_arguments_.size();
    for (PciFunction& function : functions) {
        function.io.configuration = {Services::pci_read, Services::pci_write};
    }
    if (!dtb.empty()) {
        tables_.push_back({efi::dtb_table_guid, dtb.data()});
    }
    if (!final_events.empty()) {
        tables_.push_back({efi::tpm_final_log_guid, final_events.data()});
    }
    system.configuration = tables_.data();
    system.configuration_entries = tables_.size();
    try {
        return efi::efi_main(&image_handle, &system);
    } catch (const Entered&) {
        return std::nullopt;
    }
}

} // namespace baton::test

namespace baton::arm64::efi {

bool runs_at_el2() { return test::Firmware::here().el2; }

void enter_baton(std::span<const std::byte> dtb) {
    test::Firmware::here().handed_over.assign(dtb.begin(), dtb.end());
    throw test::Entered{};
}

} // namespace baton::arm64::efi
