#include "app/socket.hh"

#include <systemd/sd-daemon.h>

#include <cstdlib>

namespace mds::app {

int passed_socket(const std::string& name) {
    char** names = nullptr;
    int count = sd_listen_fds_with_names(1, &names), found = -1;
    for (int i = 0; i < count; ++i) {
        if (found < 0 && names[i] == name) found = SD_LISTEN_FDS_START + i;
        std::free(names[i]);
    }
    if (count > 0) std::free(names);
    return found;
}

}  // namespace mds::app
