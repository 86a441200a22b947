// mds-ca: the authority keys of this server (docs/architecture.md).
#include <sys/stat.h>

#include "app/daemon.hh"
#include "bus.hh"
#include "crypto/secret.hh"
#include "log/log.hh"
#include "service.hh"

namespace {

constexpr int k_hour_ms = 3'600'000;

struct Parts {
    explicit Parts(mds::app::Daemon& daemon)
        : service(daemon.state_folder()), object(daemon.bus(), service) {
        service.refresh_lists();
        daemon.every(k_hour_ms, [this] {
            try {
                service.refresh_lists();
            } catch (const std::exception& e) {
                mds::log::error(std::string("a revocation list could not be renewed: ") + e.what());
            }
        });
        daemon.bus().own("org.openmds.Ca1");
    }
    mds::ca::Service service;
    mds::ca::BusObject object;
};

}  // namespace

int main(int argc, char** argv) {
    umask(0077);
    bool locked = mds::crypto::protect_process();
    mds::app::Description description;
    description.word = "ca";
    description.summary = "Holds the keys of the certificate authorities and signs by template.";
    description.state_folder = "/var/lib/mds/ca";
    return mds::app::main(argc, argv, description, [locked](mds::app::Daemon& daemon) {
        if (!locked) mds::log::info("memory could not be locked (LimitMEMLOCK)");
        auto parts = std::make_shared<Parts>(daemon);
        daemon.ready(parts->service.deployment().empty()
                         ? "Not initialized"
                         : "Authority of deployment " + parts->service.deployment());
        return std::static_pointer_cast<void>(parts);
    });
}
