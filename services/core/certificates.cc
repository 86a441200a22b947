// The certificates of this server through the years (security.md 3): renewed before they end, by the
// authority on the Primary, without a restart; revocations reach every member at once.
#include <fmt/core.h>

#include <algorithm>
#include <cstdlib>

#include "base/clock.hh"
#include "blocking_bus.hh"
#include "bus/property.hh"
#include "log/messages.hh"
#include "service.hh"

namespace mds::core {
namespace {

constexpr int k_look_ms = 5000;
constexpr int64_t k_again_ms = 3'600'000, k_soon_ms = 10'000;
/// A list is valid for 7 days; a new one is made long before (K-16).
constexpr int64_t k_lists_ms = 24LL * 3'600'000;

/// Two thirds of the validity, a little earlier or later on each server (K-13), ms since 1970.
int64_t due(const json::object& certificate, const Uid& uid) {
    int64_t begin = json::get_int(certificate, "not-before");
    int64_t whole = json::get_int(certificate, "not-after") - begin;
    int64_t spread = whole / 20 * (uid.bytes[0] - 128) / 128;
    return begin + whole / 3 * 2 + spread;
}

}  // namespace

void Service::watch_certificates() {
    revoked_match_ = bus::match(
        daemon_.bus().raw(),
        "type='signal',sender='org.openmds.Ca1',interface='org.openmds.Ca1',member='Revoked'",
        [this](auto&&) { fetch_revocations(); });
    authority_match_ = bus::match(
        daemon_.bus().raw(),
        "type='signal',sender='org.openmds.Ca1',interface='org.openmds.Ca1',member='Changed'",
        [this](auto&&) {
            if (system_ && identity_) look_at_authority();
        });
    daemon_.every(k_look_ms, [this] { check_certificate(); });
    check_certificate();
}

void Service::check_certificate() {
    if (!system_ || !identity_) return;
    look_at_authority();
    // Log servers have no authority to look at, and ask for certificates too.
    follow_administrators();
    revoke_departed();
    revoke_superseded();
    if (identity_->role == "primary" && mono_ms() >= lists_after_) fetch_revocations();
    bus::get_property<std::string>(
        *sync_, "org.openmds.Sync1", "Certificate", [this](const std::string* value) {
            if (!value) return;
            certificate_ = json::parse_object(*value);
            if (certificate_.empty()) return;
            // Made while the clock of the Primary was ahead: nobody takes it.
            bool early = wall_ms() < json::get_int(certificate_, "not-before");
            if (!early && wall_ms() < due(certificate_, identity_->uid)) return;
            if (mono_ms() >= renew_after_) renew_certificate();
        });
}

void Service::renew_certificate() {
    renew_after_ = mono_ms() + k_again_ms;
    // New keys would take the place of those that wait for their certificates.
    if (renewing_) return;
    renewing_ = true;
    std::string name = identity_->name, uid = identity_->uid.text();
    log::info(fmt::format("renewing the certificate of this server, which is valid from {} to {}",
                          rfc3339(json::get_int(certificate_, "not-before")),
                          rfc3339(json::get_int(certificate_, "not-after"))));
    daemon_.work([this, name, uid] {
        auto failed = [this](const std::string& why) {
            daemon_.post([this, why] {
                if (renewal_problem_ != why) {
                    log::event(log::message::certificate_not_renewed, "the certificate was not renewed: " + why,
                               {{"MDS_SERVER", identity_->name}, {"MDS_REASON", why}});
                }
                renewal_problem_ = why;
                // Mostly the Primary was not there, or a connection was changed for another just then.
                renew_after_ = mono_ms() + std::min(k_soon_ms << std::min(renewals_failed_++, 16), k_again_ms);
                end_renewal(why);
            });
        };
        try {
            BlockingBus bus;
            auto [identity, sealing] = bus.call<std::string, std::string>(
                "org.openmds.Sync1", "PrepareIdentity", name, uid);
            json::object asked{{"op", "renew"}, {"identity", identity}, {"sealing", sealing}};
            Then then = [this, failed](mgmt::Reply reply) {
                if (reply.status != 200) {
                    return failed(json::get_string(json::parse_object(reply.body), "message"));
                }
                daemon_.work([this, failed, text = reply.body] {
                    try {
                        install_certificates(text);
                    } catch (const std::exception& e) {
                        failed(e.what());
                    }
                });
            };
            daemon_.post([this, failed, asked = std::move(asked), then]() mutable {
                try {
                    if (identity_->role == "primary") return sign_for(identity_->uid, asked, then);
                    for (const MdsRow& row : all_mdss()) {
                        if (row.role == "primary") return request(row.uid, std::move(asked), then);
                    }
                    failed("there is no Primary");
                } catch (const Error& e) {
                    failed(e.message());
                }
            });
        } catch (const std::exception& e) {
            failed(e.what());
        }
    });
}

void Service::install_certificates(const std::string& answer) {
    json::object issued = json::parse_object(answer);
    BlockingBus bus;
    // The rest of deployment.json is what it was.
    std::string deployment = bus.property("org.openmds.Sync1", "Deployment");
    bus.call<>("org.openmds.Sync1", "InstallIdentity", json::get_string(issued, "identity"),
               json::get_string(issued, "sealing"), json::get_string(issued, "chain"),
               json::get_string(issued, "root"), json::get_string(issued, "crl"), deployment);
    daemon_.post([this] {
        log::event(log::message::certificate_renewed, "the certificate of this server was renewed",
                   {{"MDS_SERVER", identity_->name}});
        // Not at once again, whatever the clocks say.
        renewal_problem_.clear();
        renewals_failed_ = 0;
        renew_after_ = mono_ms() + k_soon_ms;
        bus::get_property<std::string>(*sync_, "org.openmds.Sync1", "Certificate", [this](const std::string* value) {
            if (value) certificate_ = json::parse_object(*value);
            end_renewal("");
            check_certificate();
        });
    });
}

void Service::sign_for(const Uid& mds, const json::object& message, Then then) {
    require_primary("Renewing a certificate");
    auto row = find_mds(mds.text());
    if (!row) throw Error(Code::forbidden, "only members renew their certificates");
    if (int64_t ahead = grid_->clock_ahead()) {
        // The others would not take what is signed now, and nobody could say so to this server then.
        throw Error(Code::ha_invalid, fmt::format("the clock of {} is {} {} those of all servers that it hears",
                                                  identity_->name, age_text(std::abs(ahead)),
                                                  ahead > 0 ? "ahead of" : "behind"))
            .refusal("", "correct the clocks");
    }
    std::string identity = json::get_string(message, "identity"),
                sealing = json::get_string(message, "sealing");
    answer_from_worker(std::move(then), [row = *row, identity, sealing] {
        BlockingBus bus;
        // mds-ca refuses requests that are for another server than this one.
        auto [one, other, chain, root, crl] =
            bus.call<std::string, std::string, std::string, std::string, std::string>(
                "org.openmds.Ca1", "IssueServer", identity, sealing, row.name, row.uid.text(), row.role);
        return json::object{{"identity", one}, {"sealing", other}, {"chain", chain}, {"root", root},
                            {"crl", crl}};
    });
}

void Service::revoke_departed() {
    if (identity_->role != "primary" || !system_->db().has_history()) return;
    std::vector<std::string> servers;
    SQLite::Statement s(system_->workspace().work().db(), "SELECT uuid FROM departing");
    while (s.executeStep()) {
        std::string uuid = s.getColumn(0).getString();
        if (!find_mds(uuid)) servers.push_back(uuid);
    }
    for (const std::string& uuid : servers) {
        ca_->callMethodAsync(bus::MemberName{"RevokeServer"})
            .onInterface(bus::InterfaceName{"org.openmds.Ca1"})
            .withArguments(uuid, std::string("cessation-of-operation"))
            .uponReplyInvoke([this, uuid](bus::ReplyError failed) {
                if (const sdbus::Error* e = bus::error_ptr(failed)) {
                    return log::warning("revoking the certificates of a deleted server: " +
                                        bus::from_bus_error(*e).message());
                }
                SQLite::Statement done(system_->workspace().work().db(),
                                       "DELETE FROM departing WHERE uuid=?");
                done.bind(1, uuid);
                done.exec();
            });
    }
}

void Service::must_revoke(const std::string& uuid, const std::string& serial) {
    SQLite::Statement s(system_->workspace().work().db(), "INSERT OR REPLACE INTO superseded VALUES(?,?)");
    s.bind(1, uuid);
    s.bind(2, serial);
    s.exec();
}

void Service::is_revoked(const std::string& uuid) {
    SQLite::Statement s(system_->workspace().work().db(), "DELETE FROM superseded WHERE uuid=?");
    s.bind(1, uuid);
    s.exec();
}

void Service::revoke_superseded() {
    if (identity_->role != "primary" || mono_ms() < superseded_after_) return;
    std::vector<std::pair<std::string, std::string>> rows;
    SQLite::Statement s(system_->workspace().work().db(), "SELECT uuid,serial FROM superseded");
    while (s.executeStep()) rows.emplace_back(s.getColumn(0).getString(), s.getColumn(1).getString());
    if (rows.empty()) return;
    superseded_after_ = mono_ms() + k_soon_ms;
    daemon_.work([this, rows] {
        try {
            BlockingBus bus;
            for (const auto& [uuid, serial] : rows) {
                revoke_earlier(bus, uuid, serial);
                daemon_.post([this, uuid = uuid] { is_revoked(uuid); });
            }
        } catch (const std::exception& e) {
            log::warning(std::string("revoking the earlier certificates of a server: ") + e.what());
        }
    });
}

void Service::fetch_revocations() {
    if (!system_ || identity_->role != "primary") return;
    // Until it is done; what failed is tried again soon.
    lists_after_ = mono_ms() + k_soon_ms;
    daemon_.work([this] {
        try {
            BlockingBus bus;
            auto [lists] = bus.call<std::string>("org.openmds.Ca1", "RevocationLists");
            daemon_.post([this, lists = lists] {
                lists_after_ = mono_ms() + k_lists_ms;
                revocations_ = lists;
                install_revocations(lists);
                json::value message = json::object{{"lists", lists}};
                for (const repl::Peer& p : system_->config().peers) {
                    system_->send(p.mds, k_revocations, json::text(message));
                }
            });
        } catch (const std::exception& e) {
            log::warning(std::string("revocation lists: ") + e.what());
        }
    });
}

void Service::catch_up_revocations(const Uid& mds, const json::object& beat) {
    if (revocations_.empty() || identity_->role != "primary") return;
    int64_t there = json::get_int(json::get_object(beat, "certificate"), "revocations", -1);
    if (there < 0 || there >= json::get_int(certificate_, "revocations")) return;
    int64_t& sent = revocations_sent_[mds];
    if (sent != 0 && mono_ms() - sent < k_soon_ms) return;
    sent = mono_ms();
    system_->send(mds, k_revocations, json::text(json::object{{"lists", revocations_}}));
}

void Service::install_revocations(const std::string& lists) {
    sync_->callMethodAsync(bus::MemberName{"InstallRevocations"})
        .onInterface(bus::InterfaceName{"org.openmds.Sync1"})
        .withArguments(lists)
        .uponReplyInvoke([this](bus::ReplyError failed) {
            if (const sdbus::Error* e = bus::error_ptr(failed)) {
                log::warning("revocation lists: " + bus::from_bus_error(*e).message());
                lists_after_ = mono_ms() + k_soon_ms;
            }
            check_certificate();
            check_certificate_logins();
        });
}

}  // namespace mds::core
