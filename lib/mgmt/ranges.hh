#pragma once
#include "mgmt/workspace_impl.hh"

namespace mds::mgmt {

/// What network objects stand for, as ranges of addresses (show-as-ranges): groups with their
/// members, groups with exclusion less what they exclude. {"ipv4":[{"start","end"}], "ipv6":[...],
/// "others":[OBJ without addresses], "excluded-others":[...]}; ranges are merged and ascending.
json::object address_ranges(Call& call, const std::vector<Uid>& objects);
/// Services as port ranges: {"tcp":[{"start","end"}], "udp":[...], "sctp":[...], "others":[OBJ]}.
json::object port_ranges(Call& call, const std::vector<Uid>& services);
/// References of a list in a document.
std::vector<Uid> references_of(const json::object& document, std::string_view field);

}  // namespace mds::mgmt
