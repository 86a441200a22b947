// mds-claim: the page of a server that is not set up (docs/architecture.md).
#include "app/lone.hh"
#include "service.hh"

int main(int argc, char** argv) {
    mds::app::Description description;
    description.word = "claim";
    description.summary = "The page on the HTTPS port of a server that is not set up.";
    description.state_folder = "/run/mds";
    return mds::app::lone_main(argc, argv, description, [](mds::app::Lone& daemon) {
        return std::make_shared<mds::claim::Service>(daemon);
    });
}
