// mdsctl setup: mds-setup under the name of the tree.
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "verbs.hh"

namespace mds::ctl {

int run_setup(Client& client, const std::vector<std::string>& words) {
    client.require_here("setup");
    std::string program = "mds-setup";
    std::vector<std::string> copies = words;
    std::vector<char*> argv{program.data()};
    for (std::string& word : copies) argv.push_back(word.data());
    argv.push_back(nullptr);
    execvp(argv[0], argv.data());
    throw Error(Code::object_not_found, program + " cannot be started: " + std::strerror(errno))
        .refusal("", "apt install --reinstall openmds-server");
}

}  // namespace mds::ctl
