#pragma once
#include "../mdsctl/client.hh"

namespace mds::backup {

/// The file of one Domain's backup, for mds-core (services/core/domain_backup.cc), which may neither read the key
/// of this server nor reach where backups are kept. `order`: {"job": "save-domain" or "read-domain", "task",
/// "file", "time"}. mds-core is told when the file was looked at ("domain-archive-seen") and at the end
/// ("backup-done"). Returns the exit code.
int serve_domain(ctl::Client& core, const json::object& order);
/// Takes away what serve_domain() has left when it was killed.
void forget_left_over();

}  // namespace mds::backup
