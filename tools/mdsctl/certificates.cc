#include "certificates.hh"

namespace mds::ctl {

json::array certificates(Client& client, json::object query) {
    constexpr int64_t k_page = 500;
    json::array all;
    query["limit"] = k_page;
    for (;;) {
        query["offset"] = all.size();
        const json::object reply = client.run("", "show-certificates", query);
        const json::array& page = json::get_array(reply, "certificates");
        all.insert(all.end(), page.begin(), page.end());
        if (page.empty() || static_cast<int64_t>(all.size()) >= json::get_int(reply, "total"))
            return all;
    }
}

}  // namespace mds::ctl
