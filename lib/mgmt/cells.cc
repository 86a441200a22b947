// Columns of rules as sets of addresses and services, for verification.
#include "mgmt/cells.hh"

#include <algorithm>

#include "store/refs.hh"

namespace mds::mgmt {
namespace {

using model::Address;

constexpr uint32_t k_tcp = 6, k_udp = 17, k_icmp = 1, k_icmp6 = 58, k_sctp = 132;
constexpr uint32_t k_last_service = 255u << 16 | 0xffff;

/// Services are a line too: the protocol, then the port, or ICMP's type and code.
Address point(uint32_t value) {
    Address a;
    for (size_t i = 0; i < 4; ++i) a.bytes[i] = static_cast<uint8_t>(value >> (24 - 8 * i));
    return a;
}

void add_line(Spans& spans, uint32_t protocol, uint32_t first, uint32_t last) {
    spans.add(point(protocol << 16 | first), point(protocol << 16 | last));
}

void sort_unique(std::vector<Uid>& list) {
    std::sort(list.begin(), list.end());
    list.erase(std::unique(list.begin(), list.end()), list.end());
}

bool contains_all(const std::vector<Uid>& a, const std::vector<Uid>& b) {
    return std::includes(a.begin(), a.end(), b.begin(), b.end());
}

/// From what the objects stand for to what the column does.
void close(Cell& cell, const Spans& everything, bool negated) {
    cell.lower.merge();
    cell.upper.merge();
    sort_unique(cell.lower_others);
    sort_unique(cell.upper_others);
    bool whole = cell.any || cell.lower == everything;
    if (!negated) {
        cell.any = whole;
        return;
    }
    Cell out;
    out.names = cell.names;
    if (!whole) {
        // Everything but the least that is in the objects is the most that is left.
        out.upper = everything;
        out.upper.subtract(cell.lower);
        bool certain = cell.lower == cell.upper && cell.upper_others.empty();
        if (certain) out.lower = out.upper;
    }
    cell = std::move(out);
}

const Spans& all_services() {
    static const Spans k_all = [] {
        Spans all;
        all.add(point(0), point(k_last_service));
        return all;
    }();
    return k_all;
}

}  // namespace

std::string Cells::name_of(const Uid& uid) {
    auto found = names_.find(uid);
    if (found != names_.end()) return found->second;
    auto view = WorkspaceImpl::of(call_).head(call_, uid);
    return names_[uid] = view ? view->name : uid.text();
}

uint32_t Cells::cell(const json::object& rule, const char* field, bool services) {
    std::vector<Uid> uids = references_of(rule, field);
    std::sort(uids.begin(), uids.end());
    bool negated = json::get_bool(rule, std::string(field) + "-negate");
    std::string key = services ? "s" : "a";
    if (negated) key += "!";
    for (const Uid& uid : uids) key += uid.raw();
    auto [at, is_new] = known_.emplace(std::move(key), static_cast<uint32_t>(cells_.size()));
    if (is_new) {
        cells_.push_back(services ? of_services(uids, negated) : of_addresses(uids, negated));
        std::string& names = cells_.back().names;
        for (size_t i = 0; i < uids.size() && i < 5; ++i) {
            names += (i ? ", " : "") + name_of(uids[i]);
        }
        if (uids.size() > 5) names += " and " + std::to_string(uids.size() - 5) + " more";
        if (negated) names = "all but " + names;
    }
    return at->second;
}

uint32_t Cells::addresses(const json::object& rule, const char* field) {
    return cell(rule, field, false);
}

uint32_t Cells::services(const json::object& rule) {
    return cell(rule, "service", true);
}

Cell Cells::of_addresses(const std::vector<Uid>& uids, bool negated) {
    static const Spans k_everything = Spans::everything();
    Cell cell;
    Reach reach = reach_of(call_, uids);
    cell.upper = reach.spans;
    cell.upper_others = reach.others;
    if (reach.excluded_others.empty()) {
        cell.lower = reach.spans;
        cell.lower_others = reach.others;
    }
    close(cell, k_everything, negated);
    return cell;
}

void Cells::add_service(const Uid& uid, Cell& cell, std::set<Uid>& seen) {
    if (!seen.insert(uid).second) return;
    auto view = call_.get(uid);
    if (!view) return;
    const json::object& d = view->document;
    const std::string& type = view->type->name;
    if (d.contains("members")) {
        for (const Uid& member : references_of(d, "members")) add_service(member, cell, seen);
        return;
    }
    if (type == "CpmiAnyObject") {
        cell.any = cell.any || view->name == "Any";
        return;
    }
    auto number = [&](const char* name) { return static_cast<uint32_t>(json::get_int(d, name)); };
    uint32_t protocol = type == "service-tcp"     ? k_tcp
                        : type == "service-udp"   ? k_udp
                        : type == "service-sctp"  ? k_sctp
                        : type == "service-icmp"  ? k_icmp
                        : type == "service-icmp6" ? k_icmp6
                        : type == "service-other" ? number("ip-protocol")
                                                  : 0;
    int first = 0, last = 0;
    bool plain = false;
    if (type == "service-icmp" || type == "service-icmp6") {
        first = last = static_cast<int>(number("icmp-type") << 8 | number("icmp-code"));
        plain = true;
    } else if (type == "service-other") {
        last = 0xffff;
        plain = json::get_string(d, "match").empty();
    } else if (protocol != 0) {
        // What looks into the traffic, or at where it comes from, is less than its ports.
        plain = ports_of(json::get_string(d, "port"), first, last) &&
                json::get_string(d, "source-port").empty() &&
                !json::get_bool(d, "match-by-protocol-signature");
    }
    if (!plain) {
        cell.lower_others.push_back(uid);
        return;
    }
    add_line(cell.lower, protocol, static_cast<uint32_t>(first), static_cast<uint32_t>(last));
}

Cell Cells::of_services(const std::vector<Uid>& uids, bool negated) {
    Cell cell;
    std::set<Uid> seen;
    for (const Uid& uid : uids) add_service(uid, cell, seen);
    cell.upper = cell.lower;
    cell.upper_others = cell.lower_others;
    close(cell, all_services(), negated);
    return cell;
}

void Cells::rank() {
    std::vector<Address> all;
    for (const Cell& cell : cells_) {
        for (const Spans* spans : {&cell.lower, &cell.upper}) {
            if (spans->empty()) continue;
            all.push_back(spans->list().front().first);
            all.push_back(spans->list().back().last);
        }
    }
    std::sort(all.begin(), all.end());
    all.erase(std::unique(all.begin(), all.end()), all.end());
    auto rank_of = [&](const Address& a) {
        return static_cast<uint32_t>(std::lower_bound(all.begin(), all.end(), a) - all.begin());
    };
    for (Cell& cell : cells_) {
        cell.has_lower = !cell.lower.empty();
        cell.has_upper = !cell.upper.empty();
        if (cell.has_lower) {
            cell.low = rank_of(cell.lower.list().front().first);
            cell.high = rank_of(cell.lower.list().back().last);
        }
        if (cell.has_upper) {
            cell.upper_low = rank_of(cell.upper.list().front().first);
            cell.upper_high = rank_of(cell.upper.list().back().last);
        }
    }
}

bool Cells::covers(uint32_t a, uint32_t b) {
    if (a == b) return true;
    const Cell &x = cells_[a], &y = cells_[b];
    if (x.any) return true;
    if (y.any) return false;
    if (y.has_upper && (!x.has_lower || x.low > y.upper_low || x.high < y.upper_high)) return false;
    if (x.lower_others.size() < y.upper_others.size()) return false;
    if (x.lower.list().size() + y.upper.list().size() < 16) {
        return x.lower.contains(y.upper) && contains_all(x.lower_others, y.upper_others);
    }
    auto [at, is_new] = compared_.emplace(uint64_t{a} << 32 | b, false);
    if (is_new) {
        at->second = x.lower.contains(y.upper) && contains_all(x.lower_others, y.upper_others);
    }
    return at->second;
}

}  // namespace mds::mgmt
