#include "claim_page.hh"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>

#include "base/error.hh"
#include "base/text.hh"
#include "boot.hh"
#include "http/server.hh"
#include "wrap.hh"

namespace mds::firstboot {
namespace {

/// Behind mds.issue; for the programs that ask for a login alone, which are root's.
constexpr const char* k_issue = "/run/issue.d/mds.web.issue";
constexpr const char* k_sockets[] = {"mds-firstboot-claim.socket", "mds-claim.socket"};
constexpr const char* k_services[] = {"mds-claim.service", "mds-firstboot-claim.service"};

std::string certificate(const std::string& folder) { return folder + "/certificate.pem"; }

std::string address_of_page(const HostFacts& host) {
    std::string where = host.addresses.empty() ? host.host_name : host.addresses.front().address;
    return "https://" + (where.find(':') == where.npos ? where : "[" + where + "]") + "/";
}

std::string print_of(const std::string& folder, const std::string& margin) {
    return in_two_lines(http::fingerprint(certificate(folder), true), margin);
}

}  // namespace

void open_claim_page(const std::string& folder, const HostFacts& host) {
    ClaimCode code(folder);
    // A second start in the same boot keeps what people have written down.
    if (code.code().empty()) code.renew();
    http::ensure_certificate(certificate(folder), folder + "/key.pem", host.host_name);
    write_claim_issue(folder, host);
    for (const char* unit : k_sockets) start_in_background(unit);
}

void close_claim_page(const std::string& folder) {
    unlink(k_issue);
    std::error_code ignored;
    std::filesystem::remove_all(folder, ignored);
    for (const char* unit : k_sockets) stop_in_background(unit);
    // The last one may be this process.
    for (const char* unit : k_services) stop_in_background(unit);
}

Invitation claim_invitation(const std::string& folder, const HostFacts& host) {
    std::string code = ClaimCode(folder).code(), where = address_of_page(host);
    if (code.empty() || access(certificate(folder).c_str(), R_OK) != 0) return {};
    return {where + " code " + code, "Or in a browser: " + where + " with the claim code " + code +
                                         ". Before you type it there, compare the SHA-256 fingerprint of the certificate:\n" +
                                         print_of(folder, "")};
}

void write_claim_issue(const std::string& folder, const HostFacts& host) {
    mkdir("/run/issue.d", 0755);
    replace_file(k_issue,
                 "Or in a browser: " + address_of_page(host) + "\n  claim code   " + ClaimCode(folder).code() +
                     "\n  certificate  " + print_of(folder, "               ") + "\n",
                 0600);
}

bool print_claim_code(const std::string& folder, const HostFacts& host, bool fresh) {
    ClaimCode code(folder);
    if (code.code().empty()) return false;
    if (fresh) {
        code.renew();
        write_claim_issue(folder, host);
    }
    std::printf("Claim code   %s\nTries left   %d\nPage         %s\nFingerprint  SHA-256  %s", code.code().c_str(),
                code.tries_left(), address_of_page(host).c_str(), print_of(folder, "                      ").c_str());
    return true;
}

}  // namespace mds::firstboot
