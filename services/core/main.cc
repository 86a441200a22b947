// mds-core: the Multi-Domain level of one server (docs/architecture.md).
#include "app/daemon.hh"
#include "service.hh"

int main(int argc, char** argv) {
    mds::app::Description description;
    description.word = "core";
    description.summary = "System data, administrators, the grid of Domains and servers, tasks.";
    description.state_folder = "/var/lib/mds/system";
    return mds::app::main(argc, argv, description, [](mds::app::Daemon& daemon) {
        return std::make_shared<mds::core::Service>(daemon);
    });
}
