#pragma once
#include <algorithm>
#include <array>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hh"
#include "base/error.hh"
#include "base/ids.hh"
#include "crypto/hash.hh"
#include "crypto/spake2.hh"
#include "enrol/credentials.hh"
#include "enrol/hello.hh"
#include "enrol/key.hh"
#include "enrol/line.hh"
#include "pki/issue.hh"
#include "pki/request.hh"

// The other end of an enrolment without a network: it keeps to the protocol but where it is ordered not to.
namespace mds::test {

inline const std::string k_uuid = "0190a000-0000-7000-8000-000000000001";
inline const std::string k_deployment = "7f3a00000000abcd";

/// A deployment's authorities, in memory.
struct Authority {
    int64_t now = wall_ms();
    pki::Issuer root = pki::Issuer::make_root(k_deployment, "acme-msp", now);
    pki::Issuer servers = root.make_authority(pki::Kind::servers_ca, "servers", "", now);

    enrol::Issued issue(const enrol::Requests& requests, const enrol::Hello& peer) const {
        pki::Subject subject{peer.name, peer.uuid, {}, {}, {}};
        enrol::Issued out;
        auto one = [&](pki::Kind kind, const std::string& csr) {
            return servers.issue(kind, pki::Request::from_pem(csr), subject, now).pem();
        };
        out.identity_cert_pem = one(pki::Kind::server, requests.identity);
        out.sealing_cert_pem = one(pki::Kind::sealing, requests.sealing);
        out.chain_pem = servers.certificate().pem();
        out.root_pem = root.certificate().pem();
        out.deployment_id = k_deployment;
        out.deployment_name = "acme-msp";
        out.members_json = R"([{"name":"london-mds-01"}])";
        return out;
    }
};

/// Orders of how to deviate, one after the other: a byte that chooses, then what that needs.
class Orders {
  public:
    Orders(const uint8_t* data, size_t size) : left_(reinterpret_cast<const char*>(data), size) {}
    uint8_t byte() {
        if (left_.empty()) return 0;
        uint8_t b = static_cast<uint8_t>(left_.front());
        left_.remove_prefix(1);
        return b;
    }
    size_t number() {
        size_t high = byte();
        return high << 8 | byte();
    }
    std::string bytes(size_t most) {
        std::string out(left_.substr(0, std::min(most, left_.size())));
        left_.remove_prefix(out.size());
        return out;
    }

  private:
    std::string_view left_;
};

/// Content of a SHARE that is no point one may take: K-1 of the sheet's step 4 and what libraries mix up.
inline const std::vector<std::string>& bad_points() {
    static const std::vector<std::string> k_points = [] {
        std::string on = crypto::Spake2(crypto::Spake2::Side::a, "a", "b", std::string(31, '\0') + "\1").share();
        std::string off = on, negative = on, short_form = "\x02" + on.substr(1, 32), hybrid = on, large = on;
        off[64] = static_cast<char>(off[64] ^ 1);
        for (size_t i = 33; i < 65; ++i) negative[i] = static_cast<char>(~negative[i]);
        hybrid[0] = (on[64] & 1) ? 7 : 6;
        for (size_t i = 1; i < 65; ++i) large[i] = '\xff';
        return std::vector<std::string>{"", std::string(1, '\0'), std::string(65, '\0'), off, negative, short_form,
                                        hybrid, large, "\x04" + std::string(64, '\0'), on.substr(0, 64), on + '\0',
                                        std::string(33, '\0'), on.substr(1), "\x05" + on.substr(1)};
    }();
    return k_points;
}

class Peer : public enrol::Line {
  public:
    using Side = crypto::Spake2::Side;
    /// Plays `side` with a scalar (the right one, or not). `authority` issues for side a; `requests` are
    /// what side b asks certificates for.
    Peer(Side side, const enrol::Hello& self, const std::string& salt, const std::string& scalar,
         const Authority& authority, const enrol::Requests& requests, Orders orders)
        : side_(side), self_(self), salt_(salt), scalar_(scalar), authority_(authority), requests_(requests),
          orders_(orders) {}

    std::string binding() const override { return std::string(32, 'b'); }
    void extend(int64_t) override {}
    /// What went out until the key was proved is exactly what the protocol wants.
    bool honest() const { return honest_; }

  protected:
    void write(std::string_view bytes) override {
        // The other side writes whole frames.
        last_ = std::string(bytes);
        auto kind = static_cast<enrol::Frame>(bytes.at(4));
        heard_[static_cast<size_t>(kind) % heard_.size()] = std::string(bytes.substr(5));
    }
    void read_exactly(char* to, size_t count) override {
        while (out_.size() < count) {
            if (ended_ || step_ >= kinds().size()) throw Error(Code::unreachable, "the line is closed");
            speak();
        }
        std::copy_n(out_.begin(), count, to);
        out_.erase(0, count);
    }

  private:
    using Frame = enrol::Frame;

    const std::vector<Frame>& kinds() const {
        static const std::vector<Frame> k_a{Frame::hello, Frame::share, Frame::confirm, Frame::cert};
        static const std::vector<Frame> k_b{Frame::hello, Frame::share, Frame::confirm, Frame::csr, Frame::done};
        return side_ == Side::a ? k_a : k_b;
    }
    const std::optional<std::string>& heard(Frame kind) const { return heard_[static_cast<size_t>(kind)]; }

    static std::string framed(Frame kind, const std::string& content) {
        std::string out;
        for (int shift : {24, 16, 8, 0}) out += static_cast<char>((content.size() + 1) >> shift & 0xff);
        return out + static_cast<char>(kind) + content;
    }

    /// What the protocol wants as content of this frame now; something of its form when the other end's
    /// part is missing.
    std::string content(Frame kind) {
        switch (kind) {
            case Frame::hello: {
                json::object said = self_.to_json();
                if (side_ == Side::b) said["salt"] = hex(salt_);
                return hello_ = json::text(said);
            }
            case Frame::share:
                spake_.emplace(side_, enrol::k_initiator, enrol::k_responder, scalar_);
                return spake_->share();
            case Frame::confirm: return confirmation();
            case Frame::cert: return certificates();
            case Frame::csr:
                return json::text(json::object{{"identity", requests_.identity}, {"sealing", requests_.sealing}});
            default: return "{}";
        }
    }
    std::string confirmation() {
        if (!spake_ || !heard(Frame::share) || !heard(Frame::hello)) return std::string(32, 'c');
        const std::string& a = side_ == Side::a ? hello_ : *heard(Frame::hello);
        const std::string& b = side_ == Side::a ? *heard(Frame::hello) : hello_;
        try {
            spake_->receive(*heard(Frame::share), binding() + crypto::sha256(a + b));
            return spake_->confirmation();
        } catch (const Error&) {
            return std::string(32, 'c');
        }
    }
    std::string certificates() {
        if (!heard(Frame::csr)) return "{}";
        json::object o = json::parse_object(*heard(Frame::csr));
        enrol::Hello who = enrol::Hello::from_json(json::parse_object(heard(Frame::hello).value_or("{}")));
        enrol::Issued issued =
            authority_.issue({json::get_string(o, "identity"), json::get_string(o, "sealing")}, who);
        return json::text(json::object{{"identity", issued.identity_cert_pem},
                                       {"sealing", issued.sealing_cert_pem},
                                       {"chain", issued.chain_pem},
                                       {"root", issued.root_pem},
                                       {"crl", issued.crl_pem},
                                       {"deployment", issued.deployment_id},
                                       {"deployment-name", issued.deployment_name},
                                       {"members", json::parse(issued.members_json)}});
    }

    /// Puts the next frame on the line, as ordered.
    void speak() {
        Frame kind = kinds()[step_++];
        std::string right = framed(kind, content(kind));
        std::string said = altered(kind, right);
        if (kind <= Frame::confirm && said != right) honest_ = false;
        out_ += said;
    }
    std::string altered(Frame kind, const std::string& right) {
        std::string said = right, inner = right.substr(5);
        switch (orders_.byte() % 18) {
            case 1:
            case 2: {
                size_t at = orders_.number() % said.size();
                said[at] = static_cast<char>(said[at] ^ orders_.byte());
                return said;
            }
            case 3: return framed(kind, inner.substr(0, orders_.number() % (inner.size() + 1)));
            case 4: ended_ = true; return said.substr(0, orders_.number() % (said.size() + 1));
            case 5: return framed(kind, inner + std::string(orders_.number(), static_cast<char>(orders_.byte())));
            case 6: return right + right;
            case 7: return "";
            case 8: said[4] = static_cast<char>(orders_.byte()); return said;
            case 9: return orders_.bytes(4) + said.substr(4);
            case 10: return framed(static_cast<Frame>(orders_.byte()), orders_.bytes(orders_.number()));
            case 11: {  // this one and the next change places
                if (step_ >= kinds().size()) return right;
                Frame next = kinds()[step_++];
                honest_ = false;
                return framed(next, content(next)) + right;
            }
            case 12: return framed(kind, bad_points()[orders_.byte() % bad_points().size()]);
            case 13: return last_;
            case 14: return framed(Frame::refused, orders_.bytes(orders_.number()));
            case 15: return framed(kind, std::string(enrol::k_large_frame + orders_.byte() % 2, 'x'));
            case 16: return framed(kind, other_member(inner));
            case 17: return framed(Frame::refused, json::text(json::object{
                {"code", "login_failed"}, {"message", odd_value()}, {"next", odd_value()}, {"tries-left", odd_value()}}));
            default: return right;
        }
    }
    json::value odd_value() {
        switch (orders_.byte() % 8) {
            case 0: return nullptr;
            case 1: return "";
            case 2: return -1;
            case 3: return json::value(int64_t{1} << 62);
            case 4: return json::array{json::object{{"a", json::array{}}}};
            case 5: return json::value("\x1b]0;x\x07\n\xc2\x9b" "2J\xe2\x80\xae" + std::string(200, 'n'));
            case 6: return json::value(std::string(127, 'n') + "\xc3\xa9\xf0\x9f\x94\x91");
            default: return json::value(std::string(orders_.number() % 4000, 'k'));
        }
    }
    /// The object with one member more, less or changed.
    std::string other_member(const std::string& text) {
        if (text.empty() || text.front() != '{') return text;
        json::object o = json::parse_object(text);
        if (o.empty()) return text;
        auto member = o.begin() + orders_.byte() % o.size();
        std::string key(member->key());
        if (orders_.byte() % 4 == 0) {
            o.erase(key);
        } else {
            o[key] = odd_value();
        }
        return json::text(o);
    }

    Side side_;
    enrol::Hello self_;
    std::string salt_, scalar_;
    const Authority& authority_;
    const enrol::Requests& requests_;
    Orders orders_;
    size_t step_ = 0;
    bool honest_ = true, ended_ = false;
    std::string out_, last_, hello_;
    std::optional<crypto::Spake2> spake_;
    std::array<std::optional<std::string>, 8> heard_;
};

}  // namespace mds::test
