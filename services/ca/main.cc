// mds-ca: the authorities, without a network (docs/architecture.md).
#include <sys/mman.h>
#include <sys/prctl.h>

#include "app/daemon.hh"
#include "bus.hh"

int main(int argc, char** argv) {
    // Keys stay out of dumps and, where the limit allows it, out of swap.
    prctl(PR_SET_DUMPABLE, 0);
    mlockall(MCL_CURRENT | MCL_FUTURE);
    mds::app::Description description;
    description.word = "ca";
    description.summary = "Certificate authorities of the deployment; no network.";
    description.state_folder = "/var/lib/mds/ca";
    return mds::app::main(argc, argv, description, [](mds::app::Daemon& daemon) {
        auto object = std::make_shared<mds::ca::BusObject>(daemon);
        daemon.bus().own("org.openmds.Ca1");
        daemon.ready(object->status_line());
        return object;
    });
}
