// Classic names: mdsstart, mdsstop and mdsstat are thin fronts of the service manager, the others of
// mdsctl.
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "base/error.hh"
#include "backup.hh"
#include "cpca_client.hh"
#include "mdsconfig.hh"
#include "registry.hh"
#include "units.hh"

namespace {

using mds::classic::Units;

int start(const std::vector<std::string>& arguments) {
    // -s (Domain Servers one after the other) is accepted: the service manager orders them anyway.
    for (const std::string& word : arguments) {
        if (word != "-m" && word != "-s") {
            std::fprintf(stderr, "Usage: mdsstart [-m] [-s]\n");
            return 2;
        }
    }
    Units units;
    units.start("mds.target");
    std::puts("OpenMDS is started.");
    return 0;
}

int stop(const std::vector<std::string>& arguments) {
    for (const std::string& word : arguments) {
        if (word != "-m") {
            std::fprintf(stderr, "Usage: mdsstop [-m]\n");
            return 2;
        }
    }
    Units units;
    for (const char* unit : {"mds.target", "mds-api.service", "mds-core.service", "mds-sync.service",
                             "mds-ca.service"}) {
        units.stop(unit);
    }
    std::puts("OpenMDS is stopped.");
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    std::string name = argv[0];
    name = name.substr(name.rfind('/') + 1);
    std::vector<std::string> arguments(argv + 1, argv + argc);
    // A key that was typed there is not to be read in the list of processes longer than it takes to get here.
    if (name == "cp_conf" && argc > 3) std::fill_n(argv[3], std::strlen(argv[3]), '*');
    if (geteuid() != 0 && name != "mdsstat") {
        std::fprintf(stderr, "%s: only root may do this\n", name.c_str());
        return 4;
    }
    try {
        if (name == "mdsstart") return start(arguments);
        if (name == "mdsstop") return stop(arguments);
        if (name == "mdsstat") return mds::classic::mdsstat(arguments);
        if (name == "mdsconfig") {
            bool restart = false;
            int code = mds::classic::mdsconfig(arguments, restart);
            if (!restart) return code;
            std::puts("Trust was reset: the services are restarted.");
            stop({});
            return start({});
        }
        if (name == "mds_backup") return mds::classic::mds_backup(arguments);
        if (name == "mds_restore") return mds::classic::mds_restore(arguments);
        if (name == "promote_util") return mds::classic::promote_util(arguments);
        if (name == "cpprod_util") return mds::classic::cpprod_util(arguments);
        if (name == "cpca_client") return mds::classic::cpca_client(arguments);
        if (name == "cp_conf") return mds::classic::cp_conf(arguments);
        if (name == "ckp_regedit") return mds::classic::ckp_regedit(arguments);
    } catch (const mds::Error& e) {
        std::string id = e.refusal_id().empty() ? "" : "  [" + e.refusal_id() + "]";
        std::fprintf(stderr, "Error: %s%s\n", e.message().c_str(), id.c_str());
        if (!e.next().empty()) std::fprintf(stderr, "Next:  %s\n", e.next().c_str());
        return exit_code(e.code());
    } catch (const std::exception& e) {
        std::fprintf(stderr, "Error: %s\n", e.what());
        return 1;
    }
    std::fprintf(stderr, "called as %s; known names: mdsstart mdsstop mdsstat promote_util cpprod_util "
                         "ckp_regedit mdsconfig mds_backup mds_restore cpca_client cp_conf\n", name.c_str());
    return 2;
}
