// mdsstat: the classic table of the Multi-Domain Server and its Domain Servers.
#include "mdsstat.hh"

#include <fmt/core.h>

#include <algorithm>
#include <cstdio>

#include "base/error.hh"
#include "base/printable.hh"
#include "base/text.hh"
#include "json/json.hh"
#include "control/host.hh"
#include "control/units.hh"

namespace mds::classic {
namespace {

using control::Units;
using control::UnitState;

struct Row {
    std::string type, name, address;
    UnitState cells[4];
};

std::string cell(const UnitState& s) {
    return s.pid ? fmt::format("{} {}", s.word, s.pid) : s.word;
}

void legend() {
    std::puts("up     the process runs (its process id follows)\n"
              "down   it does not run\n"
              "pnd    it waits to be started\n"
              "init   it is starting\n"
              "N/A    not known\n"
              "N/R    not relevant on this type of server\n\n"
              "FWM  management database: mds-core (MDS), mds-domain@NAME (DMS, CLM)\n"
              "FWD  synchronization: mds-sync\n"
              "CPD  management API: mds-api\n"
              "CPCA certificate authority: mds-ca");
}

}  // namespace

int mdsstat(const std::vector<std::string>& arguments) {
    bool only_mds = false;
    std::string only;
    for (const std::string& word : arguments) {
        if (word == "-h") {
            legend();
            return 0;
        }
        if (word == "-m") {
            only_mds = true;
        } else if (word[0] == '-') {
            std::fprintf(stderr, "Usage: mdsstat [-m] [-h] [DOMAIN-SERVER]\n");
            return 2;
        } else {
            only = word;
        }
    }
    Units units;
    UnitState sync = units.state("mds-sync.service"), api = units.state("mds-api.service"),
              ca = units.state("mds-ca.service");
    std::vector<Row> rows;
    json::object me = control::identity();
    if (me.empty()) {
        std::fprintf(stderr, "This server is not set up. Next: mds-setup\n");
        return 8;
    }
    std::string address = json::get_string(me, "address", "-"), role = json::get_string(me, "role");
    if (role == "log-server") ca = {"N/R", 0};
    rows.push_back({role == "log-server" ? "MLM" : "MDS", "-", address,
                    {units.state("mds-core.service"), sync, api, ca}});
    if (!only_mds) {
        for (const control::DomainServer& one : control::domain_servers()) {
            rows.push_back({one.log_server ? "CLM" : "DMS", one.name, one.address.empty() ? address : one.address,
                            {units.state(one.unit()), sync, api, ca}});
        }
    }
    std::sort(rows.begin() + 1, rows.end(),
              [](const Row& a, const Row& b) { return a.name < b.name; });
    if (!only.empty()) {
        std::erase_if(rows, [&](const Row& r) {
            return fold(r.name) != fold(only) && r.address != only;
        });
        if (rows.empty()) {
            std::fprintf(stderr, "No Domain Server %s on this host. Next: mdsstat\n", only.c_str());
            return 5;
        }
    }
    const char* row_format = "| {:<4} | {:<16} | {:<15} | {:<8} | {:<8} | {:<8} | {:<8} |";
    std::string header = fmt::format(fmt::runtime(row_format), "Type", "Name", "IP address", "FWM",
                                     "FWD", "CPD", "CPCA");
    std::string line = "+" + std::string(header.size() - 2, '-') + "+";
    fmt::print("{0}\n{1}\n{0}\n", line, header);
    size_t up = 0;
    for (const Row& r : rows) {
        bool whole = true;
        for (const UnitState& s : r.cells) whole = whole && (s.word == "up" || s.word == "N/R");
        up += whole;
        fmt::print(fmt::runtime(row_format), r.type, r.name.substr(0, 16), r.address.substr(0, 15),
                   cell(r.cells[0]), cell(r.cells[1]), cell(r.cells[2]), cell(r.cells[3]));
        fmt::print("\n");
    }
    fmt::print("{}\n", line);
    std::string total = fmt::format("| Total servers checked: {:<4} {:>3} up {:>3} down", rows.size(),
                                    up, rows.size() - up);
    fmt::print("{}{:>{}}\n", total, "|", header.size() - total.size());
    fmt::print("{}\nTip: mdsstat -h explains the states\n", line);
    for (const Row& r : rows) {
        // Why it is down, when somebody wanted that.
        json::object mark = r.cells[0].word == "down" ? control::stopped_by(r.name) : json::object{};
        if (mark.empty()) continue;
        std::string reason = json::get_string(mark, "reason");
        fmt::print("\n{}: {}{}\n  Next: mdsstart_customer {}\n", printable(r.name), control::stopped_text(mark),
                   reason.empty() ? "" : "\n  " + printable(reason, 76), r.name);
    }
    return up == rows.size() ? 0 : 3;
}

}  // namespace mds::classic
