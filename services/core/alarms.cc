#include "alarms.hh"

#include <fmt/core.h>

#include <cstdlib>

#include "base/clock.hh"
#include "log/messages.hh"
#include "service.hh"

namespace mds::core {
namespace {

/// A hand-over and the start of a server are over within so many looks.
constexpr int k_looks = 3;
/// Whoever has just started has not heard everybody yet.
constexpr int64_t k_listen_ms = 15'000;

}  // namespace

void Alarms::look() {
    if (!service_.has_system() || !service_.system().db().has_history()) return;
    look_at_fence();
    if (mono_ms() - service_.started_ms() < k_listen_ms) return;
    look_at_domains();
    look_at_clocks();
    look_at_certificates();
}

void Alarms::look_at_domains() {
    std::map<Uid, int> before = std::move(without_active_);
    without_active_.clear();
    for (const Service::DomainRow& domain : service_.all_domains()) {
        auto known = before.find(domain.uid);
        int looks = known == before.end() ? 0 : known->second;
        if (service_.grid().active_mds(domain.uid).is_nil()) {
            without_active_[domain.uid] = looks + 1;
            if (looks + 1 != k_looks) continue;
            log::event(log::message::domain_without_active,
                       fmt::format("Domain {} has no Active server: nothing can be published in it", domain.name),
                       {{"MDS_DOMAIN", domain.name}});
        } else if (looks >= k_looks) {
            log::event(log::message::domain_active_again,
                       fmt::format("Domain {} has an Active server again", domain.name),
                       {{"MDS_DOMAIN", domain.name}});
        }
    }
}

void Alarms::look_at_clocks() {
    const std::map<Uid, int64_t> wrong = service_.grid().wrong_clocks();
    std::set<Uid> before = std::move(wrong_clocks_);
    wrong_clocks_.clear();
    for (const Service::MdsRow& server : service_.all_mdss()) {
        auto it = wrong.find(server.uid);
        bool told = before.count(server.uid) > 0;
        if (it != wrong.end()) {
            wrong_clocks_.insert(server.uid);
            if (told) continue;
            log::event(log::message::clock_differs,
                       fmt::format("the clock of {} is {} {} {}", server.name, age_text(std::abs(it->second)),
                                   it->second > 0 ? "ahead of" : "behind",
                                   server.uid == service_.identity()->uid ? "those of all other servers"
                                                                          : "the one here"),
                       {{"MDS_PEER", server.name}, {"MDS_PEER_UID", server.uid.text()}});
        } else if (told && (server.uid == service_.identity()->uid || !service_.grid().silent(server.uid))) {
            log::event(log::message::clock_agrees, fmt::format("the clock of {} is right again", server.name),
                       {{"MDS_PEER", server.name}, {"MDS_PEER_UID", server.uid.text()}});
        } else if (told) {
            wrong_clocks_.insert(server.uid);  // not heard: nothing is known of its clock
        }
    }
}

void Alarms::look_at_certificates() {
    for (const Service::MdsRow& server : service_.all_mdss()) {
        int64_t until = service_.grid().certificate_until(server.uid);
        if (until == 0 || until - wall_ms() >= k_certificate_alarm_ms) continue;
        if (ending_[server.uid] == until) continue;
        ending_[server.uid] = until;
        log::event(log::message::certificate_ending,
                   fmt::format("the certificate of {} {} on {} and was not renewed", server.name,
                               until < wall_ms() ? "ended" : "ends", rfc3339(until)),
                   {{"MDS_PEER", server.name}, {"MDS_PEER_UID", server.uid.text()}});
    }
}

void Alarms::look_at_fence() {
    std::string fence = service_.fence();
    if (fence == fence_) return;
    fence_ = fence;
    const std::string& name = service_.identity()->name;
    if (!fence.empty()) {
        log::event(log::message::fenced, fence, {{"MDS_SERVER", name}, {"MDS_REASON", fence}});
    } else {
        log::event(log::message::readmitted, name + " may be written to again", {{"MDS_SERVER", name}});
    }
}

}  // namespace mds::core
