// mdsctl ca.
#include <fmt/core.h>

#include <algorithm>
#include <cstdlib>
#include <iterator>

#include "base/clock.hh"
#include "base/text.hh"
#include "certificates.hh"
#include "rows.hh"
#include "verbs.hh"

namespace mds::ctl {
namespace {

constexpr int64_t k_day_s = 86400;
/// So much of a serial number is shown; it is enough to name a certificate.
constexpr size_t k_serial_columns = 12;
/// What a revocation list can say of the reason.
constexpr const char* k_reasons[] = {"unspecified", "key-compromise", "affiliation-changed",
                                     "superseded", "cessation-of-operation"};

int64_t time_of(const json::object& row, const char* key) {
    return json::get_int(json::get_object(row, key), "posix");
}

std::string day_of(const json::object& row, const char* key) {
    return rfc3339(time_of(row, key)).substr(0, 10);
}

Cell status_cell(const Options& options, const std::string& status) {
    const char* like = status == "valid"     ? "done"
                       : status == "renewed" ? "standby"
                       : status == "expired" ? "warning"
                                             : "problem";
    return {state_text(options, like, safe(status)), status};
}

Cell serial_cell(const json::object& row) {
    std::string serial = json::get_string(row, "serial-number");
    return {safe(serial.substr(0, k_serial_columns)), serial};
}

std::string left_text(int64_t until) {
    int64_t left = until - wall_ms();
    return left < 0 ? "ended" : age_text(left);
}

void field(const Options& options, const char* name, const std::string& text) {
    std::printf("%s\n", wrapped(options, fmt::format("{:<13}", name), text).c_str());
}

void print_pem(const std::string& pem) {
    for (const std::string& line : split(trim(pem), '\n')) std::printf("%s\n", safe(line).c_str());
}

}  // namespace

int64_t read_days(const std::string& text) {
    size_t digits = text.find_first_not_of("0123456789");
    std::string unit = digits == std::string::npos ? "" : text.substr(digits);
    if (digits == 0 || text.size() > 6 || (unit != "d" && unit != "h" && unit != "w")) return -1;
    int64_t number = std::atoll(text.c_str());
    return number * (unit == "h" ? k_day_s / 24 : unit == "w" ? 7 * k_day_s : k_day_s);
}

int ca_list(Client& client, const Options& options) {
    const json::object reply = client.run("", "show-authorities", {});
    Rows table("authorities", {"CA", "KIND", "UNTIL", "ISSUED", "VALID", "REVOKED", "KEY HERE",
                               Column("SERIAL", true), Column("UID", true)});
    for (const json::value& v : json::get_array(reply, "authorities")) {
        const json::object& a = v.as_object();
        table.row(a, {json::get_string(a, "name"), json::get_string(a, "kind"),
                      day_cell(time_of(a, "valid-to")), json::get_int(a, "issued"),
                      json::get_int(a, "valid"), json::get_int(a, "revoked"),
                      json::get_bool(a, "key-opened") ? "opened" : "locked",
                      json::get_string(a, "serial-number"), json::get_string(a, "uid")});
    }
    if (table.print(options) && !options.quiet) {
        std::printf(
            "%s\n",
            wrapped(options, "",
                    fmt::format(
                        "{} authorities. {} signs, the mds-ca of this server is \"{}\". Offline "
                        "recovery key: {}.",
                        table.size(), safe(json::get_string(reply, "signs-on", "nobody")),
                        safe(json::get_string(reply, "state-here")),
                        safe(json::get_string(reply, "recovery-key"))))
                .c_str());
    }
    return 0;
}

int ca_show(Client& client, const Options& options, const std::string& name) {
    const json::object a = client.run("", "show-authority", {{"name", name}});
    if (!options.people()) {
        print_object(options, a);
        return 0;
    }
    field(options, "CA",
          safe(json::get_string(a, "name")) + ", " + safe(json::get_string(a, "kind")));
    field(options, "Subject", safe(json::get_string(a, "subject")));
    field(options, "Serial", safe(json::get_string(a, "serial-number")));
    field(options, "Valid", day_of(a, "valid-from") + " to " + day_of(a, "valid-to"));
    field(options, "SHA-256", safe(json::get_string(a, "fingerprint")));
    field(options, "Key",
          json::get_bool(a, "key-opened") ? "can be opened on this server"
                                          : "cannot be opened on this server");
    field(
        options, "Issued",
        fmt::format("{}: {} valid, {} renewed, {} revoked, {} expired", json::get_int(a, "issued"),
                    json::get_int(a, "valid"), json::get_int(a, "renewed"),
                    json::get_int(a, "revoked"), json::get_int(a, "expired")));
    print_pem(json::get_string(a, "certificate"));
    return 0;
}

int ca_certificates(Client& client, const Options& options, const CertificateQuery& what) {
    json::object query;
    if (!what.authority.empty()) query["authority"] = what.authority;
    if (!what.kind.empty()) query["kind"] = what.kind;
    if (!what.status.empty()) query["certificate-status"] = what.status;
    // What ended or was revoked expires no more.
    const bool expiring = !what.expiring.empty();
    if (expiring) query["expires-within"] = read_days(what.expiring);
    Rows table("certificates", {"SERIAL", "NAME", "KIND", "STATUS", "UNTIL", "ENDS IN", "CA",
                                Column("REVOKED", true), Column("REASON", true),
                                Column("LIST", true), Column("SUBJECT", true)});
    for (const json::value& v : certificates(client, std::move(query))) {
        const json::object& c = v.as_object();
        std::string status = json::get_string(c, "status");
        if (expiring && what.status.empty() && (status == "expired" || status == "revoked"))
            continue;
        int64_t until = time_of(c, "valid-to");
        Cell serial = options.form == Form::wide ? Cell(json::get_string(c, "serial-number"))
                                                 : serial_cell(c);
        table.row(c, {serial, json::get_string(c, "name"), json::get_string(c, "kind"),
                      status_cell(options, status), day_cell(until), left_text(until),
                      json::get_string(c, "authority"), day_cell(time_of(c, "revoked-at")),
                      json::get_string(c, "revocation-reason", "-"),
                      json::get_string(c, "revocation-list", "-"), json::get_string(c, "subject")});
    }
    table.print(options);
    return 0;
}

int ca_revoke(Client& client, const Options& options, const std::string& serial) {
    json::object order{{"serial-number", serial}};
    if (std::find(std::begin(k_reasons), std::end(k_reasons), options.reason) !=
        std::end(k_reasons)) {
        order["revocation-reason"] = options.reason;
    }
    json::object ask = order;
    ask["plan"] = true;
    json::object plan = client.run("", "revoke-certificate", ask);
    std::string whole = json::get_string(plan, "serial-number"),
                effect = json::get_string(plan, "effect"), name = json::get_string(plan, "name");
    if (json::get_bool(plan, "already-revoked")) {
        print_done(options, fmt::format("certificate {} of {}: {}", whole, name, effect),
                   {{"serial-number", whole}});
        return 0;
    }
    if (options.people() && (options.dry_run || !options.yes)) {
        field(options, "Certificate", safe(json::get_string(plan, "subject")));
        field(options, "Serial", safe(whole));
        field(options, "Kind",
              safe(json::get_string(plan, "kind")) + " of " +
                  safe(json::get_string(plan, "authority")) + ", " +
                  safe(json::get_string(plan, "status")) + ", until " + day_of(plan, "valid-to"));
        if (int64_t earlier = json::get_int(plan, "earlier"); earlier > 0) {
            field(options, "With it",
                  fmt::format("{} earlier one{} of the same owner and kind", earlier,
                              earlier == 1 ? "" : "s"));
        }
        field(options, "Effect", safe(effect));
    }
    if (options.dry_run) {
        if (options.json) {
            print_json(options, std::move(plan));
        } else if (options.people()) {
            std::printf("Nothing was changed.\n");
        }
        return 0;
    }
    std::string words = "ca revoke " + shell_word(whole);
    std::fflush(stdout);
    if (!confirm_loss(options, "Revoke it? It cannot be taken back.", words)) {
        throw Error(Code::unconfirmed, "not confirmed, nothing was changed: certificate " + whole +
                                           " of " + name + "; " + effect)
            .refusal("", "mdsctl " + words + " --yes --reason TEXT");
    }
    // The record names all of it.
    order["serial-number"] = whole;
    json::object done = client.run("", "revoke-certificate", order);
    print_done(options,
               fmt::format("certificate {} of {} is revoked; {}", whole, name,
                           json::get_string(done, "effect")),
               {{"serial-number", whole}});
    return 0;
}

int ca_crl(Client& client, const Options& options) {
    const json::object reply = client.run("", "show-revocation-lists", {});
    Rows table("revocation lists", {"CA", "LIST", "NUMBER", "SIGNED", "VALID UNTIL", "ENTRIES",
                                    "STATUS", Column("URL", true)});
    std::vector<std::string> urls;
    bool well = true;
    for (const json::value& v : json::get_array(reply, "revocation-lists")) {
        const json::object& l = v.as_object();
        const json::array& served = json::get_array(l, "urls");
        std::string status = json::get_string(l, "status"),
                    url = served.empty() ? "-" : std::string(served.front().as_string());
        well = well && status == "valid";
        urls.push_back(url);
        table.row(l, {json::get_string(l, "authority"), json::get_string(l, "part"),
                      json::get_int(l, "number"), day_cell(time_of(l, "valid-from")),
                      day_cell(time_of(l, "valid-to")), json::get_int(l, "entries"),
                      status_cell(options, status), url});
    }
    if (options.form != Form::table || table.empty()) {
        table.print(options);
        return well ? 0 : 3;
    }
    // Each list with its address below, which is longer than a column may be.
    std::vector<std::string> lines = split(table.text(options), '\n');
    size_t first = options.headers ? 1 : 0;
    for (size_t i = 0; i < lines.size(); ++i) {
        if (lines[i].empty()) continue;
        std::printf("%s\n", lines[i].c_str());
        if (i >= first && i - first < urls.size())
            std::printf("  %s\n", safe(urls[i - first]).c_str());
    }
    if (!options.quiet) {
        std::printf("%s\n", wrapped(options, "",
                                    "The other servers serve the same below their own addresses.")
                                .c_str());
    }
    return well ? 0 : 3;
}

}  // namespace mds::ctl
