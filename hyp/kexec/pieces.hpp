// SPDX-License-Identifier: BSD-2-Clause
#pragma once

#include "hyp/kexec/image.hpp"

#include <span>

namespace baton {

/// Whose kernel is replaced.
enum class Kexec : u64 {
    guest, ///< the VM's, by one that is entered as a guest
    host,  ///< Baton itself and all above it, by an image that is entered where Baton was
};

/// What a load is made of.
enum class PieceKind {
    kernel,
    initrd,
    command_line,
    module_kernel,
    module_ramdisk,
    module_arguments,
};
struct Piece {
    PieceKind kind;
    u64 size; ///< bytes
};

/// Is it kept as a text until the DTB is built, and not put into the slot?
bool is_text(PieceKind kind);

/// What may come when: the kernel first, then an initrd and a command line in any place, and for
/// the host modules, whose arguments follow them at once. None is empty.
bool is_in_order(Kexec kexec, std::span<const Piece> pieces);

/// What goes into the slot beside the kernel.
Attachments attachments_of(std::span<const Piece> pieces);

} // namespace baton
