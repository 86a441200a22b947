#include "enrol/responder.hh"

#include <unistd.h>

#include "base/clock.hh"
#include "base/error.hh"
#include "base/ids.hh"
#include "base/printable.hh"
#include "crypto/hash.hh"
#include "crypto/spake2.hh"
#include "enrol/channel.hh"
#include "enrol/key.hh"

namespace mds::enrol {
namespace {

constexpr int k_parallel = 4;

struct Counted {
    std::atomic<int>& count;
    int mine;
    explicit Counted(std::atomic<int>& c) : count(c), mine(++c) {}
    ~Counted() { --count; }
    Counted(const Counted&) = delete;
    Counted& operator=(const Counted&) = delete;
};

void refuse(Line& line, Code code, const std::string& message, int tries = -1,
            const std::string& next = "") {
    Refusal refusal;
    refusal.code = code_word(code);
    refusal.message = message;
    refusal.next = next;
    refusal.tries_left = tries;
    line.refuse(refusal);
}

}  // namespace

Responder::Responder(Params params)
    : params_(std::move(params)),
      store_(params_.store_path),
      credentials_(params_.trust_folder) {}

void Responder::set_key(std::string_view key, int64_t valid_ms) { store_.set(key, valid_ms); }
void Responder::clear_key() { store_.clear(); }
void Responder::reset(std::string_view key, int64_t valid_ms) {
    store_.set(key, valid_ms);
    std::lock_guard lock(installing_);
    credentials_.forget();
}
void Responder::confirm() { store_.clear(); }

std::string Responder::state() const {
    if (store_.key() || store_.enrolled()) return "initialized but trust not established";
    return credentials_.present() ? "trust established" : "uninitialized";
}

ServeResult Responder::serve(int socket, const std::string& peer) noexcept {
    ServeResult result;
    try {
        Counted counted(running_);
        bool key = store_.key().has_value();
        if (!key || counted.mine > k_parallel) {
            close(socket);
            result.end = ServeResult::End::refused;
            result.text = peer + ": " + (key ? "too many connections at a time" : "no key is set");
            return result;
        }
        Channel channel = Channel::accept(socket, params_.timeout_ms);
        return talk(channel, peer);
    } catch (const std::exception& e) {
        result.end = ServeResult::End::broken;
        result.text = peer + ": " + e.what();
        return result;
    }
}

ServeResult Responder::talk(Line& line, const std::string& peer) noexcept {
    ServeResult result;
    try {
        if (auto key = store_.key()) {
            result = exchange(line, peer, *key);
        } else {
            result.end = ServeResult::End::refused;
            result.text = peer + ": no key is set";
        }
    } catch (const std::exception& e) {
        result.end = ServeResult::End::broken;
        result.text = peer + ": " + e.what();
    }
    // With what the other end has sent in it, and it goes into the log.
    result.text = printable(result.text);
    return result;
}

ServeResult Responder::exchange(Line& line, const std::string& peer,
                                const KeyStore::Key& key) {
    ServeResult result;
    std::string hello_theirs = line.receive(Frame::hello, k_small_frame);
    result.peer = Hello::from_json(json::parse_object(hello_theirs));
    if (int64_t wait = store_.wait_ms()) {
        std::string seconds = std::to_string((wait + 999) / 1000);
        refuse(line, Code::too_many_requests,
               "A wrong activation key was tried a moment ago; try again in " + seconds + " s",
               static_cast<int>(store_.tries_left()));
        result.end = ServeResult::End::refused;
        result.text = peer + ": waiting after a wrong key";
        return result;
    }
    Hello mine = params_.self();
    mine.clock_ms = wall_ms();
    json::object said = mine.to_json();
    said["salt"] = hex(key.salt);
    std::string hello_mine = json::text(said);
    line.send(Frame::hello, hello_mine);

    crypto::Spake2 spake(crypto::Spake2::Side::b, k_initiator, k_responder, key.scalar);
    spake.receive(line.receive(Frame::share, k_small_frame),
                  line.binding() + crypto::sha256(hello_theirs + hello_mine));
    line.send(Frame::share, spake.share());
    std::string confirmation = line.receive(Frame::confirm, k_small_frame);
    // The try is spent, durably, before the answer can be known: neither parallel connections nor
    // pulling the plug give a guess for free.
    if (!store_.take_try(key, peer)) {
        refuse(line, Code::too_many_requests, "No try is left for this activation key now", -1,
               "Set a new activation key");
        result.end = ServeResult::End::refused;
        result.text = peer + ": no try left";
        return result;
    }
    if (!spake.confirm(confirmation)) {
        store_.wipe_if_over();
        unsigned left = store_.tries_left();
        refuse(line, Code::login_failed, "The activation keys do not match",
               static_cast<int>(left),
               left ? "Check the key" : "Set a new activation key on " + mine.name);
        result.end = ServeResult::End::wrong_key;
        result.text = peer + ": wrong activation key, " + std::to_string(left) + " tries left";
        return result;
    }
    store_.give_back(key);
    line.send(Frame::confirm, spake.confirmation());
    store(line, mine, result);
    result.text = peer + ": " + result.text;
    return result;
}

void Responder::store(Line& line, const Hello& mine, ServeResult& result) {
    std::lock_guard lock(installing_);
    Requests requests = credentials_.prepare(mine.name, mine.uuid);
    // Certificates are issued by another process over there: longer than a plain answer.
    line.extend(2 * params_.timeout_ms);
    line.send(Frame::csr, json::object{{"identity", requests.identity},
                                          {"sealing", requests.sealing}});
    json::object o = json::parse_object(line.receive(Frame::cert, k_large_frame));
    Issued issued;
    issued.identity_cert_pem = json::get_string(o, "identity");
    issued.sealing_cert_pem = json::get_string(o, "sealing");
    issued.chain_pem = json::get_string(o, "chain");
    issued.root_pem = json::get_string(o, "root");
    issued.crl_pem = json::get_string(o, "crl");
    issued.deployment_id = json::get_string(o, "deployment");
    issued.deployment_name = json::get_string(o, "deployment-name");
    issued.members_json = json::text(json::get_array(o, "members"));
    issued.scope = json::get_string(o, "scope", "servers");
    try {
        if (issued.of_gateway() != (mine.role == "gateway")) {
            throw Error(Code::forbidden, mine.name + " is a " + mine.role + "; that is no certificate for it");
        }
        // Trust is established anew with the deployment whose data this server keeps, or not at all.
        if (!mine.deployment.empty() && mine.deployment != issued.deployment_id) {
            throw Error(Code::forbidden, mine.name + " belongs to another deployment");
        }
        credentials_.install(issued);
        store_.set_enrolled(true);
    } catch (const Error& e) {
        refuse(line, e.code(), "The certificates were not accepted: " + e.message());
        throw;
    }
    result.end = ServeResult::End::enrolled;
    result.deployment = issued.deployment_id;
    result.text = "enrolled in deployment " + issued.deployment_id;
    line.send(Frame::done, json::object{});
}

}  // namespace mds::enrol
