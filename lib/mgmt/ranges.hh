#pragma once
#include "mgmt/spans.hh"
#include "mgmt/workspace_impl.hh"

namespace mds::mgmt {

/// What network objects stand for: groups with their members, groups with exclusion less what they
/// exclude. `others` have no addresses of their own (zones, domain names), `excluded_others` are
/// those that an exclusion takes away.
struct Reach {
    Spans spans;
    std::vector<Uid> others, excluded_others;
};
Reach reach_of(Call& call, const std::vector<Uid>& objects);
/// "80", "1024-2048", ">1023", "<1024"; false for no port.
bool ports_of(const std::string& text, int& first, int& last);

/// What network objects stand for, as ranges of addresses (show-as-ranges): groups with their
/// members, groups with exclusion less what they exclude. {"ipv4":[{"start","end"}], "ipv6":[...],
/// "others":[OBJ without addresses], "excluded-others":[...]}; ranges are merged and ascending.
json::object address_ranges(Call& call, const std::vector<Uid>& objects);
/// Services as port ranges: {"tcp":[{"start","end"}], "udp":[...], "sctp":[...], "others":[OBJ]}.
json::object port_ranges(Call& call, const std::vector<Uid>& services);
/// References of a list in a document.
std::vector<Uid> references_of(const json::object& document, std::string_view field);

}  // namespace mds::mgmt
