// mdsctl administrator: certificates with which administrators log in (IC-2), one-time codes (S-3).
#include <fmt/core.h>

#include "base/base64.hh"
#include "base/text.hh"
#include "rows.hh"
#include "verbs.hh"

namespace mds::ctl {
namespace {

std::string day(const json::object& certificate, const char* when) {
    return safe(json::get_string(json::get_object(certificate, when), "iso-8601").substr(0, 10));
}

/// A certificate as PEM, which has more than one line.
void print_pem(const std::string& pem) {
    for (const std::string& line : split(trim(pem), '\n')) std::printf("%s\n", safe(line).c_str());
}

int show(Client& client, const Options& options, const CertificateOrder& order) {
    const json::object reply =
        client.run("", "show-administrator-certificate", {{"admin-name", order.name}});
    std::string pem = json::get_string(reply, "certificate");
    if (!order.out_file.empty()) {
        replace_file(order.out_file, pem, 0644);
        return 0;
    }
    if (options.json) {
        print_json(options, reply);
        return 0;
    }
    std::string status = json::get_string(reply, "status");
    std::printf("%s\n",
                wrapped(options, "Subject  ", safe(json::get_string(reply, "subject"))).c_str());
    std::printf("Serial   %s\n", safe(json::get_string(reply, "serial-number")).c_str());
    std::printf("Valid    %s to %s\n", day(reply, "valid-from").c_str(),
                day(reply, "valid-to").c_str());
    std::printf("State    %s\n",
                state_text(options, status == "valid" ? "done" : "problem", safe(status)).c_str());
    print_pem(pem);
    return status == "valid" ? 0 : 3;
}

Error unconfirmed(const std::string& verb) {
    return Error(Code::unconfirmed, "not confirmed, nothing was changed").refusal("", "mdsctl " + verb + " --yes");
}

}  // namespace

int administrator_unlock(Client& client, const Options& options, const std::string& name) {
    client.run("", "unlock-administrator", {{"name", name}});
    print_done(options, name + " may log in again");
    return 0;
}

int administrator_certificate(Client& client, const Options& options, const CertificateOrder& order) {
    if (order.csr_file.empty() && order.p12_file.empty()) return show(client, options, order);
    json::object body{{"admin-name", order.name}};
    if (!order.csr_file.empty()) {
        body["certificate-request"] = read_file(order.csr_file);
    } else {
        body["certificate-password"] = read_secret(order.password_file, "Password of the new file");
    }
    json::object reply = client.run("", "add-administrator-certificate", body);
    std::string pem = json::get_string(reply, "certificate");
    if (!order.p12_file.empty()) {
        replace_file(order.p12_file, unbase64(json::get_string(reply, "p12")).value_or(""), 0600);
        reply.erase("p12");
    }
    if (!order.out_file.empty()) replace_file(order.out_file, pem, 0644);
    if (options.json) {
        print_json(options, reply);
        return 0;
    }
    if (!order.csr_file.empty() && order.out_file.empty()) print_pem(pem);
    if (options.quiet) return 0;
    std::string where = order.p12_file.empty() ? order.out_file : order.p12_file;
    std::fprintf(stderr, "%s\n",
                 wrapped(options, symbol(options, "done") + " ",
                         fmt::format("certificate of {} until {}{}", safe(order.name), day(reply, "valid-to"),
                                     where.empty() ? "" : ", in " + safe(where))).c_str());
    return 0;
}

int administrator_codes(Client& client, const Options& options, const CodesOrder& order) {
    const json::object who{{"admin-name", order.name}};
    if (order.off) {
        if (!confirm(options, "Take the one-time codes of " + safe(order.name) +
                                  " away? The password alone is enough then.")) {
            throw unconfirmed("administrator totp " + shell_word(order.name) + " --off");
        }
        client.run("", "delete-administrator-totp", who);
        print_done(options, order.name + " logs in with the password alone");
        return 0;
    }
    if (order.fresh && !confirm(options, "Make new one-time codes for " + safe(order.name) +
                                             "? Those of before, if there are any, end at once.")) {
        throw unconfirmed("administrator totp " + shell_word(order.name) + " --new");
    }
    const json::object reply =
        client.run("", order.fresh ? "add-administrator-totp" : "show-administrator-totp", who);
    if (options.json) {
        print_json(options, reply);
        return 0;
    }
    if (!order.fresh) {
        std::printf("%s\n", json::get_bool(reply, "enabled")
                                ? fmt::format("{} logs in with one-time codes; {} of 10 recovery codes are left",
                                              safe(order.name), json::get_int(reply, "recovery-codes-left")).c_str()
                                : (safe(order.name) + " logs in with the password alone").c_str());
        return 0;
    }
    // Only here and now: nothing but hashes of the recovery codes is kept.
    std::printf("Secret    %s\n", safe(json::get_string(reply, "secret")).c_str());
    // A line of its own, from the first column on: longer than a screen is wide, it is copied whole
    // all the same.
    std::printf("For apps:\n%s\n", safe(json::get_string(reply, "uri")).c_str());
    std::printf("Recovery codes, each good once instead of a one-time code:\n");
    for (const json::value& code : json::get_array(reply, "recovery-codes")) {
        std::printf("  %s\n", safe(std::string(code.as_string())).c_str());
    }
    if (!options.quiet) {
        std::fprintf(stderr, "%s\n",
                     wrapped(options, symbol(options, "done") + " ",
                             safe(order.name) + " logs in with one-time codes from now on: as one-time-code, or "
                                                "behind the password. None of this is shown again").c_str());
    }
    return 0;
}

int administrator_revoke(Client& client, const Options& options, const std::string& name) {
    if (!confirm(options, "Revoke the certificate of " + safe(name) + "? It cannot log in with it any more.")) {
        throw unconfirmed("administrator revoke " + shell_word(name));
    }
    client.run("", "delete-administrator-certificate", {{"admin-name", name}});
    print_done(options, "the certificate of " + name + " is revoked");
    return 0;
}

}  // namespace mds::ctl
