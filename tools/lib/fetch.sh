# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# Fetches Debian packages without installing them: arm64 kernels and their headers, busybox, kexec, libraries for arm64,
# libfdt's sources. An apt with its own state and cache reads the archives that the user's apt has, so signatures are
# checked, and the user's lists, architectures and installed packages stay as they are.

cache=${BATON_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/baton}
debian=$cache/debian
# The private apt's place: one for the user's own archives, one for a later release's.
apt=$cache/apt
apt_sources=own_sources
# shellcheck disable=SC2154  # lib is set by setup.sh
libfdt_sources=$lib/../../subprojects/libfdt/src
arm64_libraries=$lib/../../subprojects/compression/src

private_apt() { # command arguments…
    local command=$1
    shift
    "$command" -q -o Dir::Etc::sourcelist="$apt/debian.sources" -o Dir::Etc::sourceparts=/dev/null \
        -o Dir::State="$apt/state" -o Dir::State::status="$apt/state/status" -o Dir::Cache="$apt/cache" \
        -o APT::Architecture=arm64 -o APT::Architectures=arm64,amd64 -o APT::Sandbox::User="$(id -un)" \
        -o Acquire::Languages=none -o Acquire::Retries=3 "$@"
}

private_apt_ready=
prepare_private_apt() {
    [ -z "$private_apt_ready" ] || return 0
    local archives
    mkdir -p "$apt/state/lists/partial" "$apt/cache/archives/partial"
    archives=$(configured_archives)
    "$apt_sources" "$archives" >"$apt/debian.sources"
    : >"$apt/state/status"
    say "reading Debian's package lists (a private copy in $apt)"
    private_apt apt-get update >&2 ||
        die "Debian's package lists could not be read: see apt's message above, mend the network, try again."
    private_apt_ready=yes
}

configured_archives() { # those of the user's apt
    local archives
    archives=$(debian_archives)
    if [ -z "$archives" ]; then
        say "apt has no package lists yet: updating them"
        apt_root update || die "'apt-get update' failed: see its message above, mend the network or /etc/apt, try again."
        archives=$(debian_archives)
    fi
    [ -n "$archives" ] || die "apt has no Debian archive configured. Add Debian 12's archive to /etc/apt and try again."
    printf '%s\n' "$archives"
}

own_sources() { # archives
    local release uri
    while IFS='|' read -r release uri; do
        apt_source "$release" "$uri"
    done <<<"$1"
}

newest_package() { # prefix suffix: the package with the highest version in its name
    private_apt apt-cache pkgnames "$1" | grep -E "^$1[0-9.]*[0-9+~a-z.-]*$2\$" | grep -v unsigned | sort -V | tail -n 1
}

download() { # package directory: leaves directory/package.deb
    local size
    size=$(private_apt apt-cache show --no-all-versions "$1" 2>/dev/null | sed -n 's/^Size: //p')
    [ -n "$size" ] || die "Debian's archives as configured here have no package $1 for arm64."
    say "downloading $1 ($(((size + 999999) / 1000000)) MB)"
    (cd "$2" && private_apt apt-get download "$1" >&2 && mv -- ./*.deb "$1.deb") ||
        die "package $1 could not be downloaded: see apt's message above, then run the same command again."
}

# Runs "$@ DIRECTORY" on a fresh directory, which gets its name only when that has succeeded: an interrupted
# run leaves nothing half-made under the final name.
make_whole() { # final-name command arguments…
    local final=$1 temporary
    shift
    [ ! -e "$final" ] || return 0
    mkdir -p "$(dirname "$final")"
    temporary=$(mktemp -d "$final.part-XXXXXX")
    chmod 755 "$temporary"
    "$@" "$temporary" || die "making $final failed; run the same command again."
    mv -T -- "$temporary" "$final"
}

unpack_package() { # package directory
    local work=$2.deb.d
    mkdir -p "$work"
    download "$1" "$work"
    dpkg-deb -x "$work/$1.deb" "$2" || die "package $1 is damaged: remove $work and run the same command again."
    rm -rf -- "$work"
    printf '%s\n' "$1" >>"$2/package"
}

fetch_newest() { # prefix suffix directory
    local package
    prepare_private_apt
    package=$(newest_package "$1" "$2")
    [ -n "$package" ] || die "Debian's archives as configured here have no package $1*$2 for arm64."
    unpack_package "$package" "$3"
}

fetch_kernels() {
    make_whole "$debian/linux-6.1" fetch_newest linux-image-6.1. -cloud-arm64
    make_whole "$debian/linux-6.12" fetch_newest linux-image-6.12. -cloud-arm64
}

fetch_package() { # package directory
    prepare_private_apt
    unpack_package "$1" "$2"
}

fetch_together() { # packages… directory
    local directory=${!#} package
    prepare_private_apt
    for package in "${@:1:$#-1}"; do
        unpack_package "$package" "$directory"
    done
}

# What a module for the cached kernel is built with. The tools in linux-kbuild run on this machine. The package's
# Makefile names the place where it would be installed; here it names the place where it is.
unpack_headers() { # series release directory
    local release=$2 needed
    prepare_private_apt
    mapfile -t needed < <(private_apt apt-cache show --no-all-versions "linux-headers-$release" 2>/dev/null |
        sed -n 's/^Depends: //p' | grep -oE 'linux-headers-[^ ]+-common|linux-kbuild-[^ ,]+')
    [ ${#needed[@]} = 2 ] || die "Debian's archives no longer have linux-headers-$release, which belongs to the kernel in" \
        "$debian/linux-$1. Remove that folder and run the same command again: it fetches a newer kernel."
    fetch_together "linux-headers-$release" "${needed[0]}" "${needed[1]}:amd64" "$3"
    ln -s "usr/src/linux-headers-$release" "$3/build"
    # Its place in the cache, not the temporary one.
    printf 'include %s\n' "$debian/headers-$1/usr/src/${needed[0]}/Makefile" >"$3/build/Makefile"
}

fetch_headers() {
    local series release configs
    for series in 6.1 6.12; do
        configs=("$debian/linux-$series"/boot/config-*)
        release=${configs[0]##*/config-}
        # Those of a kernel that is no longer in the cache are of no use.
        [ -e "$debian/headers-$series/usr/src/linux-headers-$release" ] || rm -rf -- "$debian/headers-$series"
        make_whole "$debian/headers-$series" unpack_headers "$series" "$release"
    done
}

copy_libraries() { # from to
    mkdir "$2/include" "$2/lib" &&
        cp -- "$1"/usr/include/{zlib,zconf,zstd,zstd_errors}.h "$2/include" &&
        cp -- "$1"/usr/lib/aarch64-linux-gnu/lib{z,zstd}.a "$2/lib"
}

fetch_libraries() { # puts what batonctl is linked with where the Meson subproject expects it
    [ ! -e "$arm64_libraries" ] || return 0
    make_whole "$debian/compression" fetch_together zlib1g-dev libzstd-dev
    make_whole "$arm64_libraries" copy_libraries "$debian/compression"
}

fetch_busybox() { make_whole "$debian/busybox" fetch_package busybox-static; }

fetch_kexec() { # with every library that it is linked with
    make_whole "$debian/kexec-tools" fetch_together kexec-tools libc6 zlib1g libxenmisc4.17 libxencall1 \
        libxendevicemodel1 libxenevtchn1 libxenforeignmemory1 libxengnttab1 libxentoolcore1 libxentoollog1
}

extract_libfdt() { # directory
    local work=$1.deb.d source=linux-source-6.12
    prepare_private_apt
    mkdir -p "$work"
    download "$source" "$work"
    say "taking libfdt out of $source (about a minute)"
    dpkg-deb --fsys-tarfile "$work/$source.deb" | tar -xO "./usr/src/$source.tar.xz" |
        tar -xJ -C "$1" --strip-components=4 --wildcards '*/scripts/dtc/libfdt/*' ||
        die "$source holds no scripts/dtc/libfdt; was it damaged? Run the same command again."
    [ -e "$1/fdt.c" ] || die "$source holds no scripts/dtc/libfdt/fdt.c."
    rm -rf -- "$work"
}

fetch_libfdt() { # puts libfdt's sources where the Meson subproject expects them
    [ ! -e "$libfdt_sources" ] || return 0
    make_whole "$debian/libfdt" extract_libfdt
    make_whole "$libfdt_sources" copy_sources "$debian/libfdt"
}

extract_dtbs() { # directory
    local package work=$1.deb.d
    prepare_private_apt
    package=$(newest_package linux-image- '[0-9]-arm64')
    [ -n "$package" ] || die "Debian's archives as configured here have no kernel for arm64."
    mkdir -p "$work"
    download "$package" "$work"
    dpkg-deb --fsys-tarfile "$work/$package.deb" | tar -x -C "$1" --strip-components=4 --wildcards '*.dtb' ||
        die "$package holds no DTBs; was it damaged? Run the same command again."
    rm -rf -- "$work"
    printf '%s\n' "$package" >"$1/package"
}

# Those of the kernel for all machines: only a soak wants them, and the package is large. Those for clouds have none.
fetch_dtbs() { make_whole "$debian/dtbs" extract_dtbs; }

copy_sources() { # from to
    cp -- "$1"/*.c "$1"/*.h "$2"
}
