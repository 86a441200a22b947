// What a server does that somebody took over: it is a member, its certificate is good, and through its own
// mds-sync it sends what no honest server sends (T-9). Runs as root on that host, on a copy of a database:
//   mds-bad-member FOLDER OWN-SERVER-UID PEER-MDS-UID CHANNEL ATTACK
#include <sdbus-c++/sdbus-c++.h>

#include <cstdio>
#include <iostream>

#include "base/error.hh"
#include "bus/blob.hh"
#include "repl/message.hh"
#include "repl/replica.hh"
#include "store/public_db.hh"

namespace {

using namespace mds;
using repl::Kind;

class BadMember {
  public:
    BadMember(std::string folder, Uid self, std::string peer, std::string channel)
        : db_(std::move(folder)),
          self_(self),
          peer_(std::move(peer)),
          channel_(std::move(channel)),
          bus_(sdbus::createSystemBusConnection()),
          sync_(sdbus::createProxy(*bus_, bus::ServiceName{"org.openmds.Sync1"},
                                   sdbus::ObjectPath{"/org/openmds/Sync1"})) {
        if (!db_.has_history()) throw Error(Code::internal, "the database has no history");
    }

    void run(const std::string& attack) {
        if (attack == "active") return active();
        if (attack == "newer") return newer();
        if (attack == "records") return send(Kind::delta, delta(forged(1)));
        if (attack == "million") return send(Kind::delta, delta(forged(1'000'000)));
        if (attack == "old-term") return old_term();
        if (attack == "wrong-hash") return wrong_hash();
        if (attack == "copy-me") return note(Kind::refused, "take a full copy of me");
        if (attack == "full-sync") return note(Kind::full_sync, "admin");
        if (attack == "offer") return offer();
        if (attack == "found") return found();
        if (attack == "parked") return parked();
        if (attack == "nonsense") return nonsense();
        throw Error(Code::invalid_parameter, "unknown attack " + attack);
    }

  private:
    void send(Kind kind, const std::string& payload) {
        bus::Blob blob = bus::pack(payload);
        // Send has no answer; the next question is answered after it was read.
        sync_->callMethod(bus::MemberName{"Send"})
            .onInterface("org.openmds.Sync1")
            .withArguments(peer_, channel_, static_cast<uint16_t>(kind), blob.bytes, blob.fds)
            .dontExpectReply();
        sync_->callMethod(bus::MemberName{"Ping"}).onInterface("org.freedesktop.DBus.Peer");
        std::cout << "sent " << static_cast<int>(kind) << " of " << payload.size() << " bytes\n";
    }

    /// A publish that never took place, as the Active would have written it: right in all its hashes.
    store::Revision forged(size_t changes) {
        store::PublicDb::PublishRequest request;
        request.session = Uid::make();
        request.author = "admin";
        request.changes.reserve(changes);
        for (size_t i = 0; i < changes; ++i) {
            store::Change c{store::Change::Op::put, Uid::make(), "tag", "tag", "forged-" + std::to_string(i), "{}"};
            request.changes.push_back(std::move(c));
        }
        return db_.publish(std::move(request), {});
    }
    static std::string delta(store::Revision record) {
        repl::DeltaMessage m;
        m.records.push_back(std::move(record));
        return m.encode();
    }
    repl::PositionMessage position() const {
        repl::PositionMessage m;
        m.server = self_;
        m.role = repl::Role::standby;
        m.history = {db_.position(), db_.terms()};
        m.version = "0.1";
        return m;
    }
    /// Of a term of its own, that it began by itself.
    void active() {
        repl::PositionMessage m = position();
        store::Term t = m.history.terms.back();
        t.no += 100;
        t.parent = std::exchange(t.id, Uid::make());
        t.start_rev = m.history.position.rev + 1;
        t.active = self_;
        t.cause = "force";
        m.role = repl::Role::active;
        m.history.terms.push_back(t);
        m.history.position.rev += 50;
        m.history.position.term_id = t.id;
        m.history.position.term_no = t.no;
        send(Kind::position, m.encode());
    }
    /// It has more of the Active's term than the Active itself.
    void newer() {
        forged(1);
        send(Kind::position, position().encode());
    }
    void old_term() {
        std::vector<store::Term> terms = db_.terms();
        store::Revision r = forged(1);
        r.term_id = terms.front().id;
        r.term_no = terms.front().no;
        send(Kind::delta, delta(std::move(r)));
    }
    void wrong_hash() {
        store::Revision r = forged(1);
        r.hash[0] ^= 1;
        send(Kind::delta, delta(std::move(r)));
    }
    void note(Kind kind, const char* text) {
        send(kind, repl::NoteMessage{kind == Kind::refused ? Uid{} : Uid::make(), 0, text}.encode());
    }
    void offer() {
        repl::CopyOffer o;
        o.id = Uid::make();
        o.position = db_.position();
        o.size = o.chunk_size = 4096;
        o.chunks.resize(1);
        send(Kind::copy_offer, o.encode());
        send(Kind::copy_chunk, repl::CopyChunk{o.id, 0, 0, std::string(4096, 'x')}.encode());
    }
    void found() {
        repl::FoundMessage m;
        m.at = db_.position();
        store::Image image;
        image.change = {store::Change::Op::put, Uid::make(), "tag", "tag", "forged-found", "{}"};
        image.rev = m.at.rev;
        m.rows.push_back(image);
        send(Kind::found, m.encode());
    }
    void parked() {
        repl::ParkedPublish p{forged(1), "London-1"};
        std::string bytes = p.encode();
        send(Kind::parked_put,
             repl::ParkedPut{p.record.term_id, p.record.rev, bytes.size(), 0, bytes}.encode());
    }
    void nonsense() {
        for (uint16_t kind = 0; kind < 120; ++kind) {
            for (size_t size : {0, 1, 7, 64, 4096}) {
                send(static_cast<Kind>(kind), std::string(size, static_cast<char>(kind * 31 + size)));
            }
        }
    }

    store::PublicDb db_;
    Uid self_;
    std::string peer_, channel_;
    std::unique_ptr<sdbus::IConnection> bus_;
    std::unique_ptr<sdbus::IProxy> sync_;
};

}  // namespace

int main(int argc, char** argv) {
    if (argc != 6) {
        std::fprintf(stderr, "Usage: %s FOLDER OWN-SERVER-UID PEER-MDS-UID CHANNEL ATTACK\n", argv[0]);
        return 2;
    }
    try {
        auto self = Uid::parse(argv[2]);
        if (!self) throw Error(Code::invalid_parameter, "no uid: " + std::string(argv[2]));
        BadMember(argv[1], *self, argv[3], argv[4]).run(argv[5]);
    } catch (const std::exception& e) {
        std::fprintf(stderr, "%s\n", e.what());
        return 1;
    }
    return 0;
}
