#include "app/daemon.hh"
#include "bus.hh"
#include "service.hh"

namespace {

struct Parts {
    explicit Parts(mds::app::Daemon& daemon)
        : service(daemon, daemon.state_folder() + "/helper-addresses"),
          object(daemon.bus().raw(), service) {
        daemon.bus().own("org.openmds.Helper1");
    }
    mds::helper::Service service;
    mds::helper::BusObject object;
};

}  // namespace

int main(int argc, char** argv) {
    return mds::app::main(argc, argv,
                          {.word = "helper",
                           .summary = "Adds and removes Domain Server addresses, sets the host name.",
                           .state_folder = "/run/mds",
                           .argument = ""},
                          [](mds::app::Daemon& daemon) -> std::shared_ptr<void> {
                              auto parts = std::make_shared<Parts>(daemon);
                              daemon.ready("Waiting for a request");
                              return parts;
                          });
}
