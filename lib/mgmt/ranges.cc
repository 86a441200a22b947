// Objects as ranges of addresses and ports.
#include "mgmt/ranges.hh"

#include <algorithm>
#include <cstdlib>
#include <set>

#include "model/address.hh"
#include "store/refs.hh"

namespace mds::mgmt {
namespace {

using model::Address;

struct Span {
    Address first, last;
};

/// The next address; false after the last one.
bool step(Address& a, int by) {
    for (int i = a.bits() / 8 - 1; i >= 0; --i) {
        uint8_t& byte = a.bytes[static_cast<size_t>(i)];
        uint8_t end = by > 0 ? 0xff : 0;
        if (byte != end) {
            byte = static_cast<uint8_t>(byte + by);
            return true;
        }
        byte = by > 0 ? 0 : 0xff;
    }
    return false;
}

Address all_ones_below(Address a, int length) {
    for (int bit = length; bit < a.bits(); ++bit) {
        a.bytes[static_cast<size_t>(bit / 8)] |= static_cast<uint8_t>(0x80 >> (bit % 8));
    }
    return a;
}

/// A set of addresses of both families; Address orders IPv4 before IPv6.
class Spans {
  public:
    void add(const Address& first, const Address& last) { list_.push_back({first, last}); }
    void add(const Spans& other) {
        list_.insert(list_.end(), other.list_.begin(), other.list_.end());
    }
    void merge() {
        std::sort(list_.begin(), list_.end(),
                  [](const Span& a, const Span& b) { return a.first < b.first; });
        std::vector<Span> out;
        for (const Span& span : list_) {
            if (!out.empty() && out.back().last.v6 == span.first.v6) {
                Address next = out.back().last;
                if (!step(next, 1) || span.first <= next) {
                    out.back().last = std::max(out.back().last, span.last);
                    continue;
                }
            }
            out.push_back(span);
        }
        list_ = std::move(out);
    }
    void subtract(Spans other) {
        merge();
        other.merge();
        for (const Span& hole : other.list_) {
            std::vector<Span> out;
            for (const Span& span : list_) {
                if (span.first.v6 != hole.first.v6 || hole.last < span.first ||
                    span.last < hole.first) {
                    out.push_back(span);
                    continue;
                }
                Address before = hole.first, after = hole.last;
                if (span.first < hole.first && step(before, -1))
                    out.push_back({span.first, before});
                if (hole.last < span.last && step(after, 1)) out.push_back({after, span.last});
            }
            list_ = std::move(out);
        }
    }
    json::array of_family(bool v6) const {
        json::array out;
        for (const Span& span : list_) {
            if (span.first.v6 != v6) continue;
            out.push_back(json::object{{"start", span.first.text()}, {"end", span.last.text()}});
        }
        return out;
    }

  private:
    std::vector<Span> list_;
};

struct Found {
    Spans spans;
    std::vector<Uid> others, excluded_others;
};

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

void collect(Call& call, const Uid& uid, Found& found, std::set<Uid>& seen) {
    if (!seen.insert(uid).second) return;
    auto view = call.get(uid);
    if (!view) return;
    const json::object& d = view->document;
    if (view->type->name == "CpmiAnyObject" && view->name == "Any") {
        for (const char* zero : {"0.0.0.0", "::"}) {
            Address a = *Address::parse(zero);
            found.spans.add(a, all_ones_below(a, 0));
        }
        return;
    }
    if (auto include = Call::reference(d, "include")) {
        Found in, out;
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
    if (!add_own_addresses(d, found.spans)) found.others.push_back(uid);
}

json::array objects_of(Call& call, const std::vector<Uid>& uids) {
    Shown shown(call, model::Level::standard);
    json::array out;
    for (const Uid& uid : uids) out.push_back(shown.obj(uid));
    return out;
}

/// "80", "1024-2048", ">1023", "<1024".
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

}  // namespace

std::vector<Uid> references_of(const json::object& document, std::string_view field) {
    std::vector<Uid> out;
    for (const json::value& v : json::get_array(document, field)) {
        auto uid = v.is_string() ? store::parse_reference(v.as_string()) : std::nullopt;
        if (uid) out.push_back(*uid);
    }
    return out;
}

json::object address_ranges(Call& call, const std::vector<Uid>& objects) {
    Found found;
    std::set<Uid> seen;
    for (const Uid& uid : objects) collect(call, uid, found, seen);
    found.spans.merge();
    return {{"ipv4", found.spans.of_family(false)},
            {"ipv6", found.spans.of_family(true)},
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
