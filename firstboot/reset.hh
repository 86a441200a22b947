#pragma once
#include <cstdio>
#include <string>

namespace mds::firstboot {

/// Throws mds::Error unless this server may be taken back to what it was before setup: no other server that
/// answers lists it (F-13). Says on which server what has to be done first.
void require_alone();
/// Throws mds::Error unless it has never joined and has no Domain, so that another role costs nothing (3.8).
void require_empty();

/// Stops the services, writes what is there into an archive that root alone reads, deletes it and makes the empty
/// folders anew; says so on `out`. Returns the archive. Throws mds::Error; before the archive is complete nothing is
/// deleted.
std::string reset(FILE* out, const std::string& state_folder, const std::string& backup_folder);

}  // namespace mds::firstboot
