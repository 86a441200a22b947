#include "callers.hh"

#include <pwd.h>
#include <unistd.h>

#include "base/error.hh"

namespace mds::sync {

Callers::Callers() {
    const passwd* entry = getpwnam("mds");
    mds_ = entry ? entry->pw_uid : 0;
}

void Callers::require(const sdbus::Message& message) {
    std::string sender{message.getSender()};
    auto it = allowed_.find(sender);
    if (it == allowed_.end()) {
        uid_t uid = message.getCredsEuid();
        bool allowed = uid == 0 || uid == mds_ || uid == geteuid();
        it = allowed_.emplace(std::move(sender), allowed).first;
    }
    if (!it->second)
        throw Error(Code::forbidden, "only the Multi-Domain Server itself may do that");
}

}  // namespace mds::sync
