// mds-ca: the authorities, without a network (docs/architecture.md).
#include "app/daemon.hh"
#include "bus.hh"
#include "crypto/secret.hh"
#include "log/log.hh"

int main(int argc, char** argv) {
    // Keys stay out of dumps and out of swap (K-20); its unit keeps it out of swap too.
    if (!mds::crypto::protect_process()) {
        mds::log::notice("the memory of mds-ca cannot be locked: MemorySwapMax= alone keeps its keys out of swap");
    }
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
