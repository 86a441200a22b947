#pragma once
#include <string>

namespace mds::backup {

/// Where files of backups lie: nothing but mds-backup and root reads or writes there, so that whoever may only
/// use the management API reaches no other file of the server by naming it.
inline constexpr char k_store[] = "/var/backups/mds";

/// The parameter [file-path] of backup-domain, made whole: a file in `store`, or in a folder below it, that is
/// not there yet and can be written. Throws mds::Error(invalid_parameter) saying what is wrong and what helps.
std::string place_for_new(const std::string& path, const std::string& store = k_store);
/// The same of restore-domain: a file that is there.
std::string place_of_existing(const std::string& path, const std::string& store = k_store);

}  // namespace mds::backup
