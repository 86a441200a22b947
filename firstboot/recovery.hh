#pragma once
#include <string>

namespace mds::firstboot {

/// mds-setup --recovery-key: a new offline recovery key for the authority of this server, shown to whoever
/// writes it down. The words of an earlier one open nothing any more. False when he leaves.
bool new_recovery_key();
/// mds-setup --make-recovery-key FILE: the words on standard output, the certificate in the file; for
/// servers that are set up without people.
void make_recovery_key(const std::string& certificate_file);
/// mds-setup --recover: reads the words and opens the authority keys of this server with them.
void recover_authority();

}  // namespace mds::firstboot
