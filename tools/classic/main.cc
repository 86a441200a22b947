// Classic names: mdsstart, mdsstop and mdsstat are thin fronts of the service manager, the others of
// mdsctl.
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "base/error.hh"
#include "api.hh"
#include "backup.hh"
#include "control/host.hh"
#include "cpca_client.hh"
#include "mdsconfig.hh"
#include "mdsstat.hh"
#include "processes.hh"
#include "registry.hh"

namespace {

int start(const std::vector<std::string>& arguments) {
    bool only_mds = false;
    for (const std::string& word : arguments) {
        // -s (Domain Servers one after the other) is accepted: the service manager orders them anyway.
        if (word != "-m" && word != "-s") {
            std::fprintf(stderr, "Usage: mdsstart [-m] [-s]\n");
            return 2;
        }
        only_mds = only_mds || word == "-m";
    }
    mds::control::start_host(only_mds);
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
    mds::control::stop_host();
    std::puts("OpenMDS is stopped.");
    return 0;
}

/// Those that only look.
bool for_everybody(const std::string& name, const std::vector<std::string>& arguments) {
    return name == "mdsstat" || name == "cpwd_admin" ||
           (name == "api" && (arguments.empty() || arguments[0] == "status" || arguments[0] == "fingerprint"));
}

}  // namespace

int main(int argc, char** argv) {
    std::string name = argv[0];
    name = name.substr(name.rfind('/') + 1);
    std::vector<std::string> arguments(argv + 1, argv + argc);
    // A key that was typed there is not to be read in the list of processes longer than it takes to get here.
    if (name == "cp_conf" && argc > 3) std::fill_n(argv[3], std::strlen(argv[3]), '*');
    if (geteuid() != 0 && !for_everybody(name, arguments)) {
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
        if (name == "mdsstart_customer") return mds::classic::mdsstart_customer(arguments);
        if (name == "mdsstop_customer") return mds::classic::mdsstop_customer(arguments);
        if (name == "cpwd_admin") return mds::classic::cpwd_admin(arguments);
        if (name == "api") return mds::classic::api(arguments);
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
    std::fprintf(stderr, "called as %s; known names: mdsstart mdsstop mdsstart_customer mdsstop_customer mdsstat "
                         "cpwd_admin api promote_util cpprod_util ckp_regedit mdsconfig mds_backup mds_restore cpca_client "
                         "cp_conf\n",
                 name.c_str());
    return 2;
}
