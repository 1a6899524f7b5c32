// SPDX-License-Identifier: BSD-2-Clause
#include "arch/arm64/efi/initrd.hpp"

#include <algorithm>

namespace baton::arm64::efi {
namespace {

using Initrd = std::optional<std::span<std::byte>>;

constexpr const char* no_room = "there is no memory for the initrd";

/// UEFI Specification 2.10, 10.3.5.4 (vendor-defined media device path) and 10.3.1 (its end).
struct [[gnu::packed]] InitrdPath {
    DevicePath vendor{.type = 4, .subtype = 3, .length = {20, 0}};
    Guid guid = initrd_media_guid;
    DevicePath end{.type = 0x7f, .subtype = 0xff, .length = {4, 0}};
};
static_assert(sizeof(InitrdPath) == 24);

Attempt<Initrd> offered(Loader& loader) {
    alignas(8) InitrdPath node;
    auto* path = &node.vendor;
    Handle handle = nullptr;
    if (failed(loader.boot().locate_device_path(&load_file2_guid, &path, &handle))) {
        return std::nullopt;
    }
    auto* const file = loader.protocol_of<LoadFile2>(handle, load_file2_guid);
    if (file == nullptr) {
        return std::nullopt;
    }
    usize size = 0;
    const Status status = file->load(file, path, false, &size, nullptr);
    if (status == not_found || (!failed(status) && size == 0)) {
        return std::nullopt;
    }
    if (status != buffer_too_small) {
        return refuse(status, "the loader's initrd cannot be read");
    }
    const auto memory = loader.pages(memory_type::loader_data, size);
    if (!memory) {
        return refuse(out_of_resources, no_room);
    }
    if (const Status read = file->load(file, path, false, &size, memory->data()); failed(read)) {
        return refuse(read, "the loader's initrd cannot be read");
    }
    return memory->first(std::min(size, memory->size()));
}

/// Closes it at the end.
class OpenFile {
  public:
    explicit OpenFile(File* file) : file_{file} {}
    OpenFile(const OpenFile&) = delete;
    OpenFile& operator=(const OpenFile&) = delete;
    ~OpenFile() { (void)file_->close(file_); }

  private:
    File* file_;
};

Attempt<Initrd> read_whole(Loader& loader, File* file) {
    u64 size = 0;
    if (failed(file->set_position(file, ~u64{0})) || failed(file->get_position(file, &size)) ||
        failed(file->set_position(file, 0)) || size == 0) {
        return refuse(load_error, "the file that initrd= names cannot be read");
    }
    const auto memory = loader.pages(memory_type::loader_data, size);
    if (!memory) {
        return refuse(out_of_resources, no_room);
    }
    // Some firmware reads no more than a piece at a time.
    usize done = 0;
    while (done < size) {
        usize piece = size - done;
        if (failed(file->read(file, &piece, memory->data() + done)) || piece == 0) {
            return refuse(load_error, "the file that initrd= names cannot be read");
        }
        done += piece;
    }
    return memory->first(size);
}

Attempt<Initrd> named(Loader& loader, std::string_view path) {
    constexpr usize longest = 255;
    std::array<char16_t, longest + 1> name{};
    if (path.size() > longest) {
        return refuse(invalid_parameter, "the path behind initrd= is longer than 255 characters");
    }
    for (usize i = 0; i < path.size(); i++) {
        name[i] = path[i] == '/' ? u'\\' : static_cast<unsigned char>(path[i]);
    }
    const auto* image = loader.protocol_of<LoadedImage>(loader.image(), loaded_image_guid);
    auto* const volume = image == nullptr
                             ? nullptr
                             : loader.protocol_of<FileSystem>(image->device, file_system_guid);
    File* root = nullptr;
    if (volume == nullptr || failed(volume->open_volume(volume, &root))) {
        return refuse(not_found, "initrd= names a file, and Baton was not loaded from a file "
                                 "system");
    }
    const OpenFile directory{root};
    File* opened = nullptr;
    if (failed(root->open(root, &opened, name.data(), file_mode_read, 0))) {
        return refuse(not_found, "there is no file as initrd= names one, on the file system that "
                                 "Baton was loaded from");
    }
    const OpenFile file{opened};
    return read_whole(loader, opened);
}

} // namespace

Attempt<std::optional<std::span<std::byte>>> read_initrd(Loader& loader, std::string_view path) {
    auto initrd = offered(loader);
    if (!initrd || *initrd || path.empty()) {
        return initrd;
    }
    return named(loader, path);
}

} // namespace baton::arm64::efi
