// mds-sic: enrolment of this machine (docs/architecture.md).
#include "app/daemon.hh"
#include "service.hh"

int main(int argc, char** argv) {
    mds::app::Description description;
    description.word = "sic";
    description.summary = "Enrolment with an activation key; the port is open while a key is set.";
    description.state_folder = "/var/lib/mds/sync";
    return mds::app::main(argc, argv, description, [](mds::app::Daemon& daemon) {
        return std::make_shared<mds::sic::Service>(daemon);
    });
}
