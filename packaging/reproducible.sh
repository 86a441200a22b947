#!/bin/bash
# Builds the packages twice from the files of LIST and compares the bytes. Whatever must not matter differs: the
# folder, time zone, locale, umask, home, user, host name, number of jobs, and the day of the build.
#
#   reproducible.sh LIST OUT            two whole builds without ccache: about an hour on two cores
#   reproducible.sh --quick LIST OUT DEBS
#                                       one build, which takes its objects from ccache, against the packages in DEBS:
#                                       everything but the compiler itself
#
# The second build is made as it would be on another machine: nothing of this one's environment reaches it.
set -euo pipefail

quick=
[ "$1" = --quick ] && quick=yes && shift
list=$(realpath "$1")
out=$(realpath -m "$2")
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

copy() {  # FOLDER: the sources, with other times than here
    mkdir -p "$1"
    (cd "$here" && tar -c --no-recursion -T "$list") | tar -x -m -C "$1"
}

build() {  # FOLDER JOBS COMMAND... : what COMMAND (env and the like) makes of dpkg-buildpackage
    local folder=$1 jobs=$2
    shift 2
    if ! (cd "$folder" && "$@" DEB_BUILD_OPTIONS="parallel=$jobs $options" \
        dpkg-buildpackage -us -uc -b -d) >"$folder.log" 2>&1; then
        tail -40 "$folder.log" >&2
        echo "The build in $folder failed; the whole log: $folder.log" >&2
        exit 1
    fi
}

clean=(env -i PATH="$PATH" HOME=/root LANG=C.UTF-8)
other=(env -i PATH="$PATH" HOME=/nonexistent/home USER=builder LOGNAME=builder TZ=Pacific/Kiritimati LC_ALL=POSIX
       LANGUAGE=de TERM=dumb EDITOR=ed)
rm -rf "$out"
mkdir -p "$out"
if [ -n "$quick" ]; then
    debs=$(realpath "$3")
    # As ./dev package has it: the paths are not mapped, so that ccache can have the objects.
    options="nocheck noautodbgsym reproducible=-fixfilepath"
    second="$out/elsewhere/with-a-longer-name/openmds"
    copy "$second"
    other+=(CCACHE_DIR="${CCACHE_DIR:-${HOME:-/root}/.cache/ccache}" CCACHE_BASEDIR="$second" CCACHE_NOHASHDIR=1
            CCACHE_SLOPPINESS=locale MDS_WERROR=ON)
    jobs=1
else
    options="nocheck"
    copy "$out/first/openmds"
    clean+=(CCACHE_DISABLE=1)
    other+=(CCACHE_DISABLE=1)
    (umask 0022; build "$out/first/openmds" "$(nproc)" "${clean[@]}")
    debs="$out/first"
    second="$out/elsewhere/with-a-longer-name/openmds"
    copy "$second"
    jobs=$(($(nproc) > 1 ? $(nproc) - 1 : 1))
fi
# More than a year later; files keep their own times, as make programs compare those.
later=(faketime -f +400d env NO_FAKE_STAT=1)
(umask 0002; build "$second" "$jobs" unshare --uts -- sh -c 'hostname other-host && exec "$@"' sh \
    "${other[@]}" "${later[@]}")

rc=0
for deb in "$debs"/*.deb; do
    name=$(basename "$deb")
    one=$(sha256sum <"$deb" | cut -d' ' -f1)
    two=$(sha256sum <"$(dirname "$second")/$name" 2>/dev/null | cut -d' ' -f1)
    if [ "$one" = "$two" ]; then
        echo "same  $one  $name"
        continue
    fi
    rc=1
    echo "DIFFERENT  $name"
    for side in "$deb" "$(dirname "$second")/$name"; do
        rm -rf "$out/x" && mkdir "$out/x"
        dpkg-deb -R "$side" "$out/x"
        (cd "$out/x" && find . -type f -print0 | sort -z | xargs -0 sha256sum
            dpkg-deb --fsys-tarfile "$side" | LC_ALL=C TZ=UTC tar -tv) >"$out/$([ "$side" = "$deb" ] && echo 1 || echo 2).sums"
    done
    rm -rf "$out/x"
    diff "$out/1.sums" "$out/2.sums" | sed 's/^/    /' || true
done
exit $rc
