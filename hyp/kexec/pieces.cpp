// SPDX-License-Identifier: BSD-2-Clause
#include "hyp/kexec/pieces.hpp"

namespace baton {

bool is_text(PieceKind kind) {
    return kind == PieceKind::command_line || kind == PieceKind::module_arguments;
}

bool is_in_order(Kexec kexec, std::span<const Piece> pieces) {
    using enum PieceKind;
    u32 seen[3]{};
    usize modules = 0;
    bool takes_arguments = false;
    for (const Piece& piece : pieces) {
        const bool is_first = &piece == &pieces[0];
        if (piece.size == 0 || is_first != (piece.kind == kernel)) {
            return false;
        }
        switch (piece.kind) {
        case kernel:
        case initrd:
        case command_line:
            if (seen[static_cast<usize>(piece.kind)]++ != 0) {
                return false;
            }
            takes_arguments = false;
            break;
        case module_kernel:
        case module_ramdisk:
            if (kexec != Kexec::host || modules++ == Attachments::max_modules) {
                return false;
            }
            takes_arguments = true;
            break;
        case module_arguments:
            if (!takes_arguments) {
                return false;
            }
            takes_arguments = false;
            break;
        }
    }
    return true;
}

Attachments attachments_of(std::span<const Piece> pieces) {
    Attachments with;
    for (const Piece& piece : pieces) {
        if (piece.kind == PieceKind::initrd) {
            with.initrd = piece.size;
        } else if (piece.kind != PieceKind::kernel && !is_text(piece.kind)) {
            (void)with.modules.push(piece.size); // is_in_order has counted them
        }
    }
    return with;
}

} // namespace baton
