// The authority of the deployment, kept by every Multi-Domain Server: IC-3, IC-4; mds-ca seals and opens,
// this only carries.
#include "base/clock.hh"
#include "blocking_bus.hh"
#include "bus/property.hh"
#include "log/log.hh"
#include "service.hh"

namespace mds::core {
namespace {

/// A member that does not confirm what it was sent gets it again after this time.
constexpr int64_t k_again_ms = 2000;

}  // namespace

void Service::look_at_authority() {
    if (identity_->log_server()) return;
    bus::get_property<std::string>(
        *ca_, "org.openmds.Ca1", "Authority", [this](const std::string* value) {
            if (!value) return;
            if (authority_.empty()) {
                // Its sealing certificate is in whole rows only.
                for (const repl::Peer& p : system_->config().peers) tell_whole_.insert(p.mds);
            }
            authority_ = json::parse_object(*value);
            follow_lists();
            follow_administrators();
            // Who may sign follows from who is Primary, also when a promotion was interrupted (K-28).
            std::string state = json::get_string(authority_, "state");
            bool primary = identity_->role == "primary";
            if (primary ? state != "replica" : state != "ready") return;
            // Not before the new Primary has the keys: somebody must.
            if (!primary && !primary_signs_) return;
            if (!primary) return retire_authority();
            ca_->callMethodAsync(bus::MemberName{"Activate"})
                .onInterface(bus::InterfaceName{"org.openmds.Ca1"})
                .uponReplyInvoke([this](bus::ReplyError problem) {
                    if (const sdbus::Error* e = bus::error_ptr(problem)) {
                        // Tried again at the next look.
                        return log::warning("mds-ca: " + bus::from_bus_error(*e).message());
                    }
                    check_certificate();
                });
        });
}

void Service::retire_authority() {
    // First what only this server had issued and revoked goes to the one that signs now (K-19); until
    // it has it, this is tried again at every look.
    for (const MdsRow& row : all_mdss()) {
        if (row.role != "primary") continue;
        hand_authority_over(row.uid, [this] {
            ca_->callMethodAsync(bus::MemberName{"Retire"})
                .onInterface(bus::InterfaceName{"org.openmds.Ca1"})
                .uponReplyInvoke([this](bus::ReplyError problem) {
                    if (const sdbus::Error* e = bus::error_ptr(problem)) {
                        log::warning("mds-ca: " + bus::from_bus_error(*e).message());
                    }
                    check_certificate();
                });
        });
    }
}

void Service::hand_authority_over(const Uid& primary, std::function<void()> then) {
    std::string recipient = authority_recipients_[primary];
    if (recipient.empty() || mono_ms() < hand_over_after_) return;
    hand_over_after_ = mono_ms() + k_again_ms;
    daemon_.work([this, primary, recipient, then] {
        try {
            BlockingBus bus;
            auto [sealed] = bus.call<std::vector<uint8_t>>("org.openmds.Ca1", "Export", recipient);
            std::string text = hex({reinterpret_cast<const char*>(sealed.data()), sealed.size()});
            daemon_.post([this, primary, text, then] {
                request(primary, {{"op", "former-authority"}, {"sealed", text}}, [then](mgmt::Reply reply) {
                    if (reply.status == 200) return then();
                    log::warning("the Primary did not take what this server knows of the authority: " +
                                 reply.body);
                });
            });
        } catch (const std::exception& e) {
            log::warning(std::string("the authority cannot be handed over: ") + e.what());
        }
    });
}

void Service::take_former_authority(const Uid& mds, const json::object& message, Then then) {
    auto sender = find_mds(mds.text());
    if (!sender || sender->role == "primary" || sender->log_server() || identity_->role != "primary") {
        throw Error(Code::forbidden, "only another Multi-Domain Server hands what it knows of the authority to the Primary");
    }
    auto sealed = unhex(json::get_string(message, "sealed"));
    if (!sealed) throw Error(Code::invalid_parameter, "sealed is not hexadecimal");
    answer_from_worker(std::move(then), [sealed = *sealed] {
        BlockingBus bus;
        bus.call<>("org.openmds.Ca1", "Merge", std::vector<uint8_t>(sealed.begin(), sealed.end()));
        return json::object{{"message", "OK"}};
    });
}

void Service::catch_up_authority(const Uid& mds, const json::object& beat) {
    if (identity_->role != "primary") {
        auto sender = find_mds(mds.text());
        if (sender && sender->role == "primary") {
            const json::object& its = json::get_object(beat, "authority");
            primary_signs_ = json::get_string(its, "state") == "ready";
            // It may have been restored, or not be the one that had signed last: once per connection it gets
            // what is known here, whatever the numbers say, and forgets nothing (K-19).
            if (primary_signs_ && json::get_string(authority_, "state") == "replica" &&
                !knows_ours_.contains(mds)) {
                hand_authority_over(mds, [this, mds] { knows_ours_.insert(mds); });
            }
        }
    }
    const json::object& there = json::get_object(beat, "authority");
    std::string& recipient = authority_recipients_[mds];
    recipient = json::get_string(there, "sealing", recipient);
    if (json::get_string(authority_, "state") != "ready") return;
    if (recipient.empty() || there.empty() || json::get_string(there, "state") == "ready" ||
        json::get_int(there, "number") >= json::get_int(authority_, "number")) {
        return;
    }
    auto member = find_mds(mds.text());
    if (!member || member->log_server()) return;  // K-22: never
    int64_t& sent = authority_sent_[mds];
    if (sent != 0 && mono_ms() - sent < k_again_ms) return;
    sent = mono_ms();
    daemon_.work([this, mds, recipient = recipient, name = member->name] {
        try {
            BlockingBus bus;
            auto [sealed] = bus.call<std::vector<uint8_t>>("org.openmds.Ca1", "Export", recipient);
            daemon_.post([this, mds, text = std::string(sealed.begin(), sealed.end())] {
                system_->send(mds, k_authority, text);
            });
        } catch (const std::exception& e) {
            log::warning("the authority cannot be copied to " + name + ": " + e.what());
        }
    });
}

void Service::keep_authority(const std::string& sealed) {
    try {
        BlockingBus bus;
        bus.call<>("org.openmds.Ca1", "Import", std::vector<uint8_t>(sealed.begin(), sealed.end()));
        daemon_.post([this] { look_at_authority(); });
    } catch (const std::exception& e) {
        log::warning(std::string("the authority of the Primary cannot be kept: ") + e.what());
    }
}

}  // namespace mds::core
