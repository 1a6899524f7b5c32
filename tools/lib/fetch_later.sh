# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# What is fetched when it is first used, by name: firmware, boot loaders, kernels for all machines. tools/lib/debian.py
# asks for it. Nothing is installed.

# The release after the one that this machine runs: its firmware, and the newest kernel that is built for it.
later_release=trixie

later_sources() { # archives
    local uri
    IFS='|' read -r _ uri < <(grep '^bookworm|' <<<"$1") ||
        die "apt has no 'bookworm main' archive configured. Add Debian 12's archive to /etc/apt and try again."
    apt_source "$later_release" "$uri"
    apt_source "$later_release-backports" "$uri"
}

# Runs "$@" with the later release's archives in the place of the user's.
# shellcheck disable=SC2034  # private_apt reads these
of_later_release() (
    apt=$cache/apt-$later_release
    apt_sources=later_sources
    private_apt_ready=
    prepare_private_apt
    "$@"
)

# The newest that Debian has of anything, whatever it needs: it runs with its own C library.
newest_sources() { # archives
    local uri
    IFS='|' read -r _ uri < <(grep '^bookworm|' <<<"$1") ||
        die "apt has no 'bookworm main' archive configured. Add Debian 12's archive to /etc/apt and try again."
    apt_source sid "$uri"
}

of_newest_release() (
    apt=$cache/apt-sid
    private_apt_ready=
    prepare_private_apt newest_sources
    "$@"
)

# A program for this machine with all packages that it depends on.
fetch_with_all() { # package directory
    local work=$2.deb.d file
    mkdir -p "$work/partial"
    private_apt apt-get -y --no-install-recommends --download-only -o APT::Architecture=amd64 \
        -o Dir::Cache::archives="$work" install "$1" >&2 ||
        die "package $1 could not be downloaded: see apt's message above, then run the same command again."
    for file in "$work"/*.deb; do
        dpkg-deb -x "$file" "$2" || die "$file is damaged: remove $work and run the same command again."
    done
    rm -rf -- "$work"
    printf '%s\n' "$1" >>"$2/package"
}

fetch_later() { # names…
    local name
    for name in "$@"; do
        case $name in
            # Not for clouds alone, but for every machine that Debian runs on.
            linux-6.1-arm64) make_whole "$debian/$name" fetch_newest linux-image-6.1. '[0-9]-arm64' ;;
            linux-6.12-arm64) make_whole "$debian/$name" fetch_newest linux-image-6.12. '[0-9]-arm64' ;;
            linux-newest-arm64) make_later "$name" fetch_newest_kernel ;;
            headers-*) make_whole "$debian/$name" fetch_their_headers "${name#headers-}" ;;
            edk2) make_whole "$debian/$name" fetch_package qemu-efi-aarch64 ;;
            edk2-newest) make_later "$name" fetch_package qemu-efi-aarch64 ;;
            u-boot) make_whole "$debian/$name" fetch_package u-boot-qemu ;;
            grub) make_whole "$debian/$name" fetch_package grub-efi-arm64-bin ;;
            systemd-boot) make_whole "$debian/$name" fetch_package systemd-boot-efi ;;
            efibootmgr) make_whole "$debian/$name" fetch_together efibootmgr libefivar1 libefiboot1 libpopt0 libc6 ;;
            # These run on this machine.
            bootctl) make_whole "$debian/$name" fetch_together systemd-boot:amd64 libsystemd-shared:amd64 ;;
            # The oldest that Debian 12 has: its own.
            qemu-oldest) make_whole "$debian/$name" fetch_package qemu-system-arm:amd64 ;;
            qemu-newest)
                [ -e "$debian/$name" ] || of_newest_release make_whole "$debian/$name" fetch_with_all qemu-system-arm
                ;;
            ukify) make_later "$name" fetch_together systemd-ukify python3-pefile ;;
            *) die "fetch_later.sh knows no '$name'." ;;
        esac
    done
}

fetch_their_headers() { # series directory
    local configs=("$debian/linux-$1"/boot/config-*)
    unpack_headers "$1" "${configs[0]##*/config-}" "$2"
}

# The later release has a kernel in three packages.
fetch_newest_kernel() { # directory
    local package
    package=$(newest_package linux-binary- '[0-9]-arm64')
    [ -n "$package" ] || die "Debian's archives of $later_release have no kernel for arm64."
    fetch_together "$package" "${package/#linux-binary/linux-modules}" "${package/#linux-binary/linux-base}" "$1"
}

make_later() { # name command arguments…
    [ -e "$debian/$1" ] || of_later_release make_whole "$debian/$1" "${@:2}"
}
