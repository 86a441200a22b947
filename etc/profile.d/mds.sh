# mdsenv and mcd: work with one Domain Server in this shell. mdsenv(1).

# mdsenv [NAME]: the commands that follow speak to the Domain Server NAME of this host; without a
# name, to the Multi-Domain level again.
mdsenv() {
    _mds_env=$(mdsctl env "$@") || return
    eval "$_mds_env"
    unset _mds_env
}

# mcd [FOLDER]: changes to the folder of that Domain Server, or to FOLDER below it.
mcd() {
    cd "${MDS_HOME:-/var/lib/mds}/${1:-}" || return
}
