#pragma once
#include <sys/types.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "json/json.hh"
#include "pki/certificate.hh"

namespace mds::backup {

/// One thing in a backup. Paths begin with "state/" (what was below /var/lib/mds), "etc/" (/etc/mds) or
/// "logs/"; the one thing in the backup of a Domain is k_domain_content.
struct Entry {
    enum class Kind { file, folder, link };
    Kind kind = Kind::file;
    mode_t mode = 0;
    std::string user, group;
    /// Of a link: where it points, relative.
    std::string target;
    uint64_t size = 0;
    /// Of a file: SHA-256, hexadecimal.
    std::string hash;
};

/// The public database of the Domain. No release before backups of Domains takes a file with such a path.
inline constexpr char k_domain_content[] = "domain/public.db";

/// What a backup says about itself; signed by the server that made it.
struct Manifest {
    std::string version, deployment, deployment_id, server, uid, role, time, set;
    /// Of the backup of one Domain (mds-core gives and reads it, services/core/domain_backup.cc); empty when
    /// it is one of a whole server.
    json::object domain;
    std::map<std::string, Entry> entries;

    json::object to_json() const;
    /// Throws mds::Error(validation_failed) for anything that is none.
    static Manifest parse(std::string_view text);
};

/// Whether a link at this path of a backup, pointing there, stays within its root.
bool stays_inside(const std::string& path, const std::string& target);

/// Writes the tar file: manifest, its signature, then the entries, whose files are below `staging`.
/// Nothing is left behind when it throws.
void write_archive(const Manifest& manifest, const std::string& staging, const std::string& trust,
                   const std::string& file);

/// Who vouches for a backup.
struct Proof {
    Manifest manifest;
    /// Fingerprint of the deployment's root certificate, hexadecimal.
    std::string root;
    /// Whether that root is the one of this machine.
    bool known_root = false;
};

/// Reads the beginning of a backup, which says what the rest must be: signed like that, but not yet that.
Proof read_head(const std::string& file, const std::string& root);
/// Reads all of a backup: every byte of it must be what its server has signed. `root` is the root
/// certificate of this machine, PEM, or empty. Extracts the entries into `folder`, an empty one of root's
/// alone, unless it is empty. Throws mds::Error(validation_failed) naming what is wrong.
Proof read_archive(const std::string& file, const std::string& root, const std::string& folder);

}  // namespace mds::backup
