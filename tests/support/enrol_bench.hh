#pragma once
#include <stdlib.h>

#include <filesystem>
#include <memory>

#include "base/printable.hh"
#include "base/text.hh"
#include "enrol/initiator.hh"
#include "enrol/responder.hh"
#include "enrol_peer.hh"
#include "pki/key.hh"

// Both ends of an enrolment, each against a peer that deviates as ordered (T-5).
namespace mds::test {

/// Says what is wrong with a conversation that just ended; empty: nothing.
class Conversations {
  public:
    Conversations() {
        char name[] = "/dev/shm/openmds_enrol_XXXXXX";
        folder_ = mkdtemp(name);
        enrol::KeyStore store(key_file());
        store.set("tokyo-key-42", 14LL * 24 * 3'600'000);
        key_ = *store.key();
        fresh_ = read_file(key_file());
        restart();
        for (std::string* csr : {&requests_.identity, &requests_.sealing}) {
            *csr = pki::Request::make(pki::Key::generate(), theirs_.name, theirs_.uuid).pem();
        }
    }
    ~Conversations() { std::filesystem::remove_all(folder_); }
    Conversations(const Conversations&) = delete;
    Conversations& operator=(const Conversations&) = delete;

    uint64_t enrolled() const { return enrolled_; }
    uint64_t tries() const { return tries_; }

    /// One conversation; the first byte chooses which end is tried and whether the peer knows the key.
    std::string hold(const uint8_t* data, size_t size) {
        if (size == 0) return "";
        bool knows = data[0] & 2;
        std::string scalar = knows ? key_.scalar : std::string(31, '\0') + "\x2a";
        Orders orders(data + 1, size - 1);
        return data[0] & 1 ? with_initiator(scalar, knows, orders) : with_responder(scalar, knows, orders);
    }

  private:
    std::string key_file() const { return folder_ + "/key.json"; }

    void restart() {
        responder_ = std::make_unique<enrol::Responder>(enrol::Responder::Params{
            [this] { return theirs_; }, key_file(), folder_ + "/trust", 5000});
    }

    std::string with_responder(const std::string& scalar, bool knows, Orders orders) {
        Peer peer(Peer::Side::a, mine_, key_.salt, scalar, authority_, requests_, orders);
        enrol::ServeResult result = responder_->talk(peer, "192.0.2.1");
        unsigned left = responder_->tries_left();
        bool honest = peer.honest() && knows;
        if (left + 1 < enrol::KeyStore::k_tries) return "more than one try for a connection";
        if (honest && left != enrol::KeyStore::k_tries) return "a try for the right key";
        if (result.end == enrol::ServeResult::End::enrolled) {
            if (!honest) return "enrolled without the key: " + result.text;
            ++enrolled_;
        }
        if (printable(result.text) != result.text) return "what is logged steers terminals: " + result.text;
        bool spent = left != enrol::KeyStore::k_tries;
        tries_ += spent;
        if (spent || result.end == enrol::ServeResult::End::enrolled) {
            replace_file(key_file(), fresh_, 0600);
            restart();
        }
        return "";
    }

    std::string with_initiator(const std::string& scalar, bool knows, Orders orders) {
        enrol::Hello self = theirs_;
        self.clock_ms = wall_ms();
        Peer peer(Peer::Side::b, self, key_.salt, scalar, authority_, requests_, orders);
        enrol::InitiatorParams p;
        p.self = mine_;
        p.self.clock_ms = wall_ms();
        p.expected_name = theirs_.name;
        p.expected_role = theirs_.role;
        p.key = "tokyo-key-42";
        p.scalar = [this](std::string_view, std::string_view salt) {
            return salt == key_.salt ? key_.scalar : std::string(31, '\0') + "\x07";
        };
        bool issued = false;
        p.issue = [&](const enrol::Requests& r, const enrol::Hello& h) {
            issued = true;
            return authority_.issue(r, h);
        };
        try {
            enrol::connect(peer, p);
            ++enrolled_;
        } catch (const Error& e) {
            for (const std::string& words : {e.message(), e.next(), e.refusal_id()}) {
                if (printable(words) != words) return "what is shown steers terminals: " + words;
            }
        }
        if (issued && !(peer.honest() && knows)) return "certificates for who does not know the key";
        return "";
    }

    std::string folder_, fresh_;
    Authority authority_;
    enrol::KeyStore::Key key_;
    enrol::Requests requests_;
    enrol::Hello theirs_{"secondary", "tokyo-mds-01", k_uuid, "0.1.0", "test", 0, "", ""};
    enrol::Hello mine_{"primary", "london-mds-01", "0190a000-0000-7000-8000-000000000002", "0.1.0",
                       "test",    0,               k_deployment, "acme-msp"};
    std::unique_ptr<enrol::Responder> responder_;
    uint64_t enrolled_ = 0, tries_ = 0;
};

}  // namespace mds::test
