// What the authorities of the deployment are and have issued, and the lists of what is revoked:
// read from the mds-ca and the folder of lists of this host, which every Multi-Domain Server has.
#include "base/clock.hh"
#include "base/text.hh"
#include "blocking_bus.hh"
#include "bus/blob.hh"
#include "log/log.hh"
#include "pki/crl.hh"
#include "pki/issue.hh"
#include "service.hh"

namespace mds::core {
namespace {

constexpr int64_t k_most = 500, k_usual = 50;
const char* const k_states[] = {"valid", "renewed", "revoked", "expired"};

[[noreturn]] void refuse(const std::string& parameter, const std::string& why) {
    throw Error(Code::invalid_parameter, "Invalid parameter for [" + parameter + "]. " + why);
}

/// What mds-ca calls an authority, and what people do.
using Names = std::map<std::string, std::string>;

std::string name_of(const Names& names, const std::string& word) {
    auto it = names.find(word);
    return it == names.end() ? word : it->second;
}

json::object shown_authority(const json::object& row, const Names& names) {
    std::string word = json::get_string(row, "name");
    json::object out{{"name", name_of(names, word)},
                     {"uid", word == "root" || word == "servers" ? "" : word},
                     {"kind", json::get_string(row, "kind")},
                     {"subject", json::get_string(row, "subject")},
                     {"serial-number", json::get_string(row, "serial")},
                     {"valid-from", model::date(json::get_int(row, "not-before"))},
                     {"valid-to", model::date(json::get_int(row, "not-after"))},
                     {"status", json::get_int(row, "not-after") < wall_ms() ? "expired" : "valid"},
                     {"key-opened", json::get_bool(row, "key")},
                     {"issued", json::get_int(row, "issued")}};
    for (const char* state : k_states)
        out[state] = json::get_int(json::get_object(row, "counts"), state);
    for (const char* more : {"certificate", "fingerprint"}) {
        if (const json::value* v = json::find(row, more)) out[more] = *v;
    }
    return out;
}

template <class... Arguments>
json::value of_ca(const char* method, const Arguments&... arguments) {
    BlockingBus bus;
    auto [bytes, fds] = bus.call<std::vector<uint8_t>, std::vector<sdbus::UnixFd>>(
        "org.openmds.Ca1", method, arguments...);
    return json::parse(bus::unpack(bytes, fds));
}

/// A choice among words; empty: any.
std::string one_of(const mgmt::Call& call, const char* parameter,
                   const std::vector<std::string>& words) {
    std::string given = call.text_or(parameter, "");
    if (given.empty() || std::find(words.begin(), words.end(), given) != words.end()) return given;
    refuse(parameter, "'" + given + "' is none of: " + join(words, ", ") + ".");
}

}  // namespace

json::value Service::ask_authority(const json::object& query) {
    return of_ca("FindCertificates", json::text(query));
}

json::object Service::shown_certificate(const json::object& row, const std::string& authority) {
    int64_t end = json::get_int(row, "not-after");
    std::string subject = json::get_string(row, "subject");
    size_t cn = subject.rfind("CN=");
    std::string part = json::get_string(row, "part");
    json::object out{
        {"serial-number", json::get_string(row, "serial")},
        {"name", cn == std::string::npos ? subject : subject.substr(cn + 3)},
        {"subject", subject},
        {"authority", authority},
        {"kind", json::get_string(row, "kind")},
        {"status", json::get_string(row, "state")},
        {"valid-from", model::date(json::get_int(row, "not-before"))},
        {"valid-to", model::date(end)},
        {"owner-uid", json::get_string(row, "uuid")},
        {"revocation-list", part.empty() ? "" : json::get_string(row, "authority") + "/" + part}};
    if (json::find(row, "revoked-at")) {
        out["revoked-at"] = model::date(json::get_int(row, "revoked-at"));
        out["revocation-reason"] = json::get_string(row, "reason");
    }
    return out;
}

void Service::require_certificates() const {
    if (!identity_->log_server()) return;
    throw Error(Code::ha_invalid, "log servers keep no certificates")
        .refusal("", "ask a Multi-Domain Server, for example: mdsctl -H PRIMARY ca list");
}

std::string Service::authority_word(const std::string& name) {
    std::string word = fold(name);
    if (word == "root" || word == "servers") return word;
    if (auto row = find_domain(name)) return row->uid.text();
    // Of a Domain that was deleted.
    if (auto uid = Uid::parse(name)) return uid->text();
    throw Error(Code::object_not_found,
                "no authority is called " + name + ": it is root, servers, or a Domain")
        .refusal("", "mdsctl ca list");
}

std::map<std::string, std::string> Service::authority_names() {
    Names out;
    for (const DomainRow& row : all_domains()) out[row.uid.text()] = row.name;
    return out;
}

void Service::show_authorities(mgmt::Call& call, Then then) {
    call.only({});
    require_certificates();
    std::string signs, state = json::get_string(authority_, "state");
    for (const MdsRow& row : all_mdss()) {
        if (row.role == "primary") signs = row.name;
    }
    answer_from_worker(std::move(then), [names = authority_names(), signs, state] {
        json::array out;
        json::value found = of_ca("FindAuthorities", std::string());
        for (const json::value& v : found.as_array()) {
            out.push_back(shown_authority(v.as_object(), names));
        }
        // The two of the deployment first, then Domains by name.
        auto rank = [](const json::value& v) {
            const json::object& o = v.as_object();
            std::string kind = json::get_string(o, "kind");
            return std::pair(kind == "root"         ? 0
                             : kind == "servers-ca" ? 1
                                                    : 2,
                             fold(json::get_string(o, "name")));
        };
        std::sort(out.begin(), out.end(),
                  [&](const auto& a, const auto& b) { return rank(a) < rank(b); });
        BlockingBus bus;
        return json::object{{"authorities", std::move(out)},
                            {"signs-on", signs},
                            {"state-here", state},
                            {"recovery-key", bus.property("org.openmds.Ca1", "Recovery")}};
    });
}

void Service::show_authority(mgmt::Call& call, Then then) {
    call.only({"name"});
    require_certificates();
    std::string word = authority_word(call.text("name"));
    answer_from_worker(
        std::move(then), [names = authority_names(), word, given = call.text("name")] {
            json::value found = of_ca("FindAuthorities", word);
            if (found.as_array().empty()) {
                throw Error(Code::object_not_found, "there is no authority of " + given)
                    .refusal("", "mdsctl ca list");
            }
            return shown_authority(found.as_array().front().as_object(), names);
        });
}

void Service::show_certificates(mgmt::Call& call, Then then) {
    call.only({"authority", "kind", "certificate-status", "contains", "serial-number",
               "expires-within", "limit", "offset"});
    require_certificates();
    json::object query;
    if (std::string name = call.text_or("authority", ""); !name.empty())
        query["authority"] = authority_word(name);
    std::vector<std::string> kinds;
    for (pki::Kind k : {pki::Kind::servers_ca, pki::Kind::domain_ca, pki::Kind::server,
                        pki::Kind::sealing, pki::Kind::administrator, pki::Kind::gateway}) {
        kinds.emplace_back(pki::kind_text(k));
    }
    query["kind"] = one_of(call, "kind", kinds);
    query["state"] = one_of(call, "certificate-status", {std::begin(k_states), std::end(k_states)});
    query["text"] = call.text_or("contains", "");
    query["serial"] = call.text_or("serial-number", "");
    int64_t within = call.integer("expires-within", -1), limit = call.integer("limit", k_usual),
            offset = call.integer("offset", 0);
    if (json::find(call.params(), "expires-within")) {
        constexpr int64_t k_century_s = 100LL * 366 * 86400;
        if (within < 0 || within > k_century_s)
            refuse("expires-within", "It is a number of seconds from now.");
        query["until"] = wall_ms() + within * 1000;
    }
    if (limit < 1 || limit > k_most) refuse("limit", "The value must be between 1 and 500.");
    if (offset < 0) refuse("offset", "The value must not be negative.");
    query["limit"] = limit;
    query["offset"] = offset;
    answer_from_worker(std::move(then), [names = authority_names(), query, offset] {
        json::value found = of_ca("FindCertificates", json::text(query));
        json::array out;
        for (const json::value& v : json::get_array(found.as_object(), "certificates")) {
            const json::object& row = v.as_object();
            out.push_back(
                shown_certificate(row, name_of(names, json::get_string(row, "authority"))));
        }
        json::object reply;
        auto count = out.size();
        reply["certificates"] = std::move(out);
        mgmt::put_range(reply, static_cast<uint64_t>(offset), count,
                        static_cast<uint64_t>(json::get_int(found.as_object(), "total")));
        return reply;
    });
}

void Service::show_revocation_lists(mgmt::Call& call, Then then) {
    call.only({"authority"});
    std::string name = call.text_or("authority", ""),
                word = name.empty() ? "" : authority_word(name);
    std::vector<std::string> servers;
    int port = daemon_.config().get_int("Crl.Port");
    // This one first.
    for (bool here : {true, false}) {
        for (const MdsRow& row : all_mdss()) {
            if ((row.uid == identity_->uid) == here)
                servers.push_back(list_server_url(row.address, port));
        }
    }
    answer_from_worker(std::move(then), [this, names = authority_names(), word, servers] {
        json::array out;
        for (const std::string& list : lists_folder_.names()) {
            std::string authority = list.substr(0, list.find('/'));
            if (!word.empty() && authority != word) continue;
            json::array urls;
            for (const std::string& server : servers)
                urls.emplace_back(server + "/" + list + ".crl");
            json::object row{{"name", list},
                             {"authority", name_of(names, authority)},
                             {"part", list.substr(list.find('/') + 1)},
                             {"urls", std::move(urls)}};
            std::optional<std::string> der = lists_folder_.read(list);
            if (!der) continue;
            try {
                pki::Crl crl = pki::Crl::from_der(*der);
                row["number"] = crl.number();
                row["entries"] = crl.entries();
                row["valid-from"] = model::date(crl.this_update());
                row["valid-to"] = model::date(crl.next_update());
                row["status"] = crl.next_update() < wall_ms() ? "expired" : "valid";
            } catch (const Error&) {
                row["status"] = "damaged";
            }
            out.push_back(std::move(row));
        }
        return json::object{{"revocation-lists", std::move(out)},
                            {"version", lists_folder_.version()}};
    });
}

void Service::register_authority_commands() {
    mgmt::Workspace& w = system_->workspace();
    auto add = [&](const char* name, void (Service::*run)(mgmt::Call&, Then), const char* what) {
        mgmt::CommandFlags flags;
        flags.system_only = true;
        flags.description = what;
        w.add_async_command(
            name, [this, run](mgmt::Call& call, Then then) { (this->*run)(call, std::move(then)); },
            flags);
    };
    add("show-authorities", &Service::show_authorities,
        "The certificate authorities of the deployment: its root, the one of the servers, one of "
        "each Domain");
    add("show-authority", &Service::show_authority,
        "One certificate authority, with its certificate");
    add("show-certificates", &Service::show_certificates,
        "Certificates that the authorities have issued; with expires-within those that end next "
        "come first");
    add("show-revocation-lists", &Service::show_revocation_lists,
        "The lists of revoked certificates that this server gives out, and where they are served");
    register_trust_commands();
}

}  // namespace mds::core
