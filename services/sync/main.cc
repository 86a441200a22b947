#include "app/daemon.hh"
#include "service.hh"

int main(int argc, char** argv) {
    mds::app::Description description;
    description.word = "sync";
    description.summary = "Carries every message between this server and the others.";
    description.state_folder = "/var/lib/mds/sync";
    return mds::app::main(argc, argv, description, [](mds::app::Daemon& daemon) {
        return std::make_shared<mds::sync::Service>(daemon);
    });
}
