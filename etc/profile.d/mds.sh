# mdsenv and mcd: work with one Domain Server in this shell. mdsenv(1).

# mdsenv [NAME]: the following commands speak to the Domain Server NAME; without a name, to the
# Multi-Domain level again.
mdsenv() {
    _mds_env=$(mdsctl env "$@") || return
    eval "$_mds_env"
    unset _mds_env
}

# mcd [FOLDER]: changes to the folder of the current Domain Server, or to FOLDER below it.
mcd() {
    cd "${MDSDIR:-/var/lib/mds/system}/${1:-}" || return
}
