// mds-domain NAME: one Domain Server (docs/architecture.md).
#include "app/daemon.hh"
#include "service.hh"

int main(int argc, char** argv) {
    mds::app::Description description;
    description.word = "domain";
    description.summary = "One Domain Server: the management database of one Domain on this host.";
    description.state_folder = "/var/lib/mds/servers";
    description.argument = "NAME";
    return mds::app::main(argc, argv, description, [](mds::app::Daemon& daemon) {
        return std::make_shared<mds::domain::Service>(daemon);
    });
}
