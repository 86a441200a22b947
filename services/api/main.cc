// mds-api: the HTTPS face (docs/architecture.md).
#include "app/daemon.hh"
#include "service.hh"

int main(int argc, char** argv) {
    mds::app::Description description;
    description.word = "api";
    description.summary = "The management API over HTTPS.";
    description.state_folder = "/var/lib/mds/api";
    return mds::app::main(argc, argv, description, [](mds::app::Daemon& daemon) {
        return std::make_shared<mds::api::Service>(daemon);
    });
}
