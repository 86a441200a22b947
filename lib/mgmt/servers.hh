#pragma once
#include <set>
#include <string>
#include <vector>

#include "mgmt/workspace.hh"

namespace mds::mgmt {

/// A server of the Domain, as its object in the Domain's own database shows it.
struct ServerFacts {
    Uid uid;
    std::string name, address;
    bool log_server = false;
    /// The Primary Domain Server.
    bool primary = false;
    /// The one that is asked, which is Active when it changes anything.
    bool self = false;
};

/// Every Domain holds a checkpoint-host for each of its servers, with the uid of the server: gateways,
/// rules and groups refer to it, so that where-used tells what still needs a server that is lost (PR-5,
/// RD-6). The Active keeps name, addresses, blades and the hidden field `domain-server` of it; the rest
/// (comments, colour, groups, NAT) is the administrators'.
bool is_server_object(const View& view);

/// Makes, changes and removes these objects, in one publish by System; nothing is published when all
/// is as it should be. A name that another object has gets "_2", "_3" ... behind it. An object that was
/// deleted stays so, unless its server is the Primary one or this one. One whose server is gone goes
/// when nothing uses it; else it becomes an ordinary object. Throws what a publish throws.
/// Returns whether it published.
bool keep_server_objects(Workspace& workspace, const std::vector<ServerFacts>& servers);

/// What the published state says of them: {"<uid>":{"uses":<number>,"used-by":[<text>, at most 10]}} for
/// those in use, {"<uid>":{"deleted":true}} for those whose object was deleted.
json::object server_objects_state(Workspace& workspace, const std::vector<ServerFacts>& servers);

/// The management servers that a gateway may have its policy from: those of its field
/// management-servers, or all of the Domain when it names none; the Primary first.
std::vector<View> managers_of(Call& call, const View& gateway);
/// The same as clients and gateways are told it: [{"name","ip-address"}].
json::array managers_told(Call& call, const View& gateway);

}  // namespace mds::mgmt
