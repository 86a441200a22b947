#!/bin/bash
# Builds the appliance image from the packages in FOLDER.
#
#   build.sh FOLDER OUT [--answers FILE] [mkosi's options]
#
# --answers FILE   answers for first-time setup, put in as /etc/mds/setup.conf: the first boot asks nothing then
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
packages=$(realpath "$1")
out=$(realpath -m "$2")
shift 2
answers=
if [ "${1:-}" = --answers ]; then
    answers=$(realpath "$2")
    shift 2
fi

# mkosi works in a folder of its own, which holds the recipe and the packages as a small archive for apt.
work=$out/work
rm -rf "$work"
mkdir -p "$work" "$out"
cp -r "$here/." "$work/"
archive=$work/packages
mkdir -p "$archive" "$work/mkosi.skeleton/etc/apt/sources.list.d"
cp "$packages"/openmds-server_*.deb "$archive/"
(cd "$archive" && dpkg-scanpackages -m . 2>/dev/null >Packages)
# apt runs on this machine and dpkg in the image: apt has to carry the package over.
echo "deb [trusted=yes] copy:$archive ./" >"$work/mkosi.skeleton/etc/apt/sources.list.d/openmds-image.list"
if [ -n "$answers" ]; then
    install -D -m 0600 "$answers" "$work/mkosi.extra/etc/mds/setup.conf"
fi
# What apt has fetched once is there the next time.
mkdir -p "$out/cache"
cd "$work"
exec mkosi --force --cache "$out/cache" -o "$out/openmds" "$@"
