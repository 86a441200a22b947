// mds-crl: revocation lists over HTTP (docs/architecture.md).
#include "app/lone.hh"
#include "service.hh"

int main(int argc, char** argv) {
    mds::app::Description description;
    description.word = "crl";
    description.summary = "Revocation lists for gateways and third parties, over HTTP.";
    description.state_folder = "/var/lib/mds/crl";
    return mds::app::lone_main(argc, argv, description, [](mds::app::Lone& daemon) {
        return std::make_shared<mds::crl::Service>(daemon);
    });
}
