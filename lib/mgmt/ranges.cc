// Objects as ranges of addresses and ports.
#include "mgmt/ranges.hh"

#include <algorithm>
#include <cstdlib>
#include <set>

#include "store/refs.hh"

namespace mds::mgmt {
namespace {

using model::Address;

json::array of_family(const Spans& spans, bool v6) {
    json::array out;
    for (const Spans::Span& span : spans.list()) {
        if (span.first.v6 != v6) continue;
        out.push_back(json::object{{"start", span.first.text()}, {"end", span.last.text()}});
    }
    return out;
}

bool add_own_addresses(const json::object& d, Spans& spans) {
    bool any = false;
    for (const char* family : {"4", "6"}) {
        std::string four = family, name = std::string("ipv") + family;
        auto at = [&](const std::string& key) { return Address::parse(json::get_string(d, key)); };
        if (auto one = at(name + "-address")) {
            spans.add(*one, *one);
            any = true;
        }
        if (auto base = at("subnet" + four)) {
            int length = static_cast<int>(json::get_int(d, "mask-length" + four));
            spans.add(*base, all_ones_below(*base, length));
            any = true;
        }
        auto first = at(name + "-address-first"), last = at(name + "-address-last");
        if (first && last) {
            spans.add(*first, *last);
            any = true;
        }
    }
    return any;
}

void collect(Call& call, const Uid& uid, Reach& found, std::set<Uid>& seen) {
    if (!seen.insert(uid).second) return;
    auto view = call.get(uid);
    if (!view) return;
    const json::object& d = view->document;
    if (view->type->name == "CpmiAnyObject" && view->name == "Any") {
        found.spans.add(Spans::everything());
        return;
    }
    if (auto include = Call::reference(d, "include")) {
        Reach in, out;
        std::set<Uid> seen_in, seen_out;
        collect(call, *include, in, seen_in);
        if (auto except = Call::reference(d, "except")) collect(call, *except, out, seen_out);
        in.spans.subtract(out.spans);
        found.spans.add(in.spans);
        found.others.insert(found.others.end(), in.others.begin(), in.others.end());
        found.excluded_others.insert(found.excluded_others.end(), out.others.begin(),
                                     out.others.end());
        return;
    }
    if (d.contains("members")) {
        for (const Uid& member : references_of(d, "members")) collect(call, member, found, seen);
        return;
    }
    // The addresses that a wildcard's mask leaves open are no ranges.
    if (view->type->name == "wildcard" || !add_own_addresses(d, found.spans)) {
        found.others.push_back(uid);
    }
}

json::array objects_of(Call& call, const std::vector<Uid>& uids) {
    Shown shown(call, model::Level::standard);
    json::array out;
    for (const Uid& uid : uids) out.push_back(shown.obj(uid));
    return out;
}

}  // namespace

bool ports_of(const std::string& text, int& first, int& last) {
    if (text.empty()) return false;
    first = 0;
    last = 65535;
    size_t dash = text.find('-');
    if (text[0] == '>') {
        first = std::atoi(text.c_str() + 1) + 1;
    } else if (text[0] == '<') {
        last = std::atoi(text.c_str() + 1) - 1;
    } else {
        first = std::atoi(text.c_str());
        last = dash == std::string::npos ? first : std::atoi(text.c_str() + dash + 1);
    }
    return first <= last;
}

std::vector<Uid> references_of(const json::object& document, std::string_view field) {
    std::vector<Uid> out;
    for (const json::value& v : json::get_array(document, field)) {
        auto uid = v.is_string() ? store::parse_reference(v.as_string()) : std::nullopt;
        if (uid) out.push_back(*uid);
    }
    return out;
}

Reach reach_of(Call& call, const std::vector<Uid>& objects) {
    Reach found;
    std::set<Uid> seen;
    for (const Uid& uid : objects) collect(call, uid, found, seen);
    found.spans.merge();
    return found;
}

json::object address_ranges(Call& call, const std::vector<Uid>& objects) {
    Reach found = reach_of(call, objects);
    return {{"ipv4", of_family(found.spans, false)},
            {"ipv6", of_family(found.spans, true)},
            {"others", objects_of(call, found.others)},
            {"excluded-others", objects_of(call, found.excluded_others)}};
}

json::object port_ranges(Call& call, const std::vector<Uid>& services) {
    std::map<std::string, std::vector<std::pair<int, int>>> ports{
        {"tcp", {}}, {"udp", {}}, {"sctp", {}}};
    std::vector<Uid> others, next(services.rbegin(), services.rend());
    std::set<Uid> seen;
    while (!next.empty()) {
        Uid uid = next.back();
        next.pop_back();
        if (!seen.insert(uid).second) continue;
        auto view = call.get(uid);
        if (!view) continue;
        if (view->document.contains("members")) {
            for (const Uid& member : references_of(view->document, "members")) {
                next.push_back(member);
            }
            continue;
        }
        int first = 0, last = 0;
        const std::string& type = view->type->name;
        auto slot = ports.find(type.starts_with("service-") ? type.substr(8) : "");
        if (slot != ports.end() &&
            ports_of(json::get_string(view->document, "port"), first, last)) {
            slot->second.emplace_back(first, last);
        } else {
            others.push_back(uid);
        }
    }
    json::object out;
    for (auto& [protocol, list] : ports) {
        std::sort(list.begin(), list.end());
        json::array merged;
        int first = 0, last = -2;
        auto put = [&] {
            if (last >= first) merged.push_back(json::object{{"start", first}, {"end", last}});
        };
        for (const auto& [low, high] : list) {
            if (last >= 0 && low <= last + 1) {
                last = std::max(last, high);
                continue;
            }
            put();
            first = low;
            last = high;
        }
        put();
        out[protocol] = std::move(merged);
    }
    out["others"] = objects_of(call, others);
    return out;
}

}  // namespace mds::mgmt
