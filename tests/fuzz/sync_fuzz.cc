// What a log server that somebody took over sends to an Active and a Standby, through frames as on a line: honest
// messages that were altered, forged ones, and nonsense. Nothing of it may change content or roles (T-9).
#include <cstdlib>
#include <iostream>

#include "../unit/repl/net.hh"
#include "wire/assembler.hh"
#include "wire/send_queue.hh"

namespace mds::repl {
namespace {

/// An Active A, a Standby B that follows it, and C, whose place the input takes.
class Stage {
  public:
    Stage() : net_(3, "/dev/shm", [](Node&) {}) {
        a().publish("h1", 200);
        a().publish("h2", 200);
        net_.run(3000);
        folder_ = net_[2].folder + "-forged";
        auto forged = net_[2].db->scratch(folder_);
        store::Change change{store::Change::Op::put, Uid::make(), "host", "network", "forged", "{}"};
        forged_ = forged->publish({Uid::make(), "", "anna", "", {change}}, {});
        make_templates();
        net_[2].power_off();
        base_ = a().db->position();
        as_log_server(a());
    }
    ~Stage() { std::filesystem::remove_all(folder_); }

    void play(std::string_view input) {
        // The Standby forgets what earlier inputs told it; the Active begins no new term.
        b().power_off();
        b().boot(false);
        as_log_server(b());
        a().lines.clear();
        b().lines.clear();
        net_.run(1200);
        while (input.size() >= 4) {
            Node& to = input[0] & 1 ? a() : b();
            size_t which = static_cast<uint8_t>(input[1]);
            size_t count = static_cast<uint8_t>(input[2]) % 16, size = static_cast<uint8_t>(input[3]);
            input.remove_prefix(4);
            wire::Message m;
            m.channel = "domain/x";
            if (which < templates_.size()) {
                m.kind = static_cast<uint16_t>(templates_[which].first);
                m.payload = templates_[which].second;
                for (; count > 0 && input.size() >= 3 && !m.payload.empty(); --count) {
                    size_t at = static_cast<uint8_t>(input[0]) << 8 | static_cast<uint8_t>(input[1]);
                    m.payload[at % m.payload.size()] = input[2];
                    input.remove_prefix(3);
                }
            } else {
                m.kind = static_cast<uint16_t>(which - templates_.size());
                size = std::min(size, input.size());
                m.payload = input.substr(0, size);
                input.remove_prefix(size);
            }
            carry(to, std::move(m));
            net_.deliver();
        }
        net_.run(1200);
        check();
    }

  private:
    Node& a() { return net_[0]; }
    Node& b() { return net_[1]; }

    void as_log_server(Node& node) {
        std::vector<Peer> peers = net_.peers_of(node);
        for (Peer& p : peers) p.log_server = p.mds == net_[2].mds;
        node.replica->set_peers(peers);
    }
    void make_templates() {
        Node& c = net_[2];
        auto add = [this](Kind kind, std::string payload) { templates_.emplace_back(kind, std::move(payload)); };
        PositionMessage here;
        here.server = c.server;
        here.role = Role::standby;
        here.history = {c.db->position(), c.db->terms()};
        add(Kind::position, here.encode());
        PositionMessage ahead = here;
        ahead.history.position.rev += 1;
        ahead.history.position.hash = forged_.hash;
        add(Kind::position, ahead.encode());
        store::Term own = here.history.terms.back();
        own.parent = std::exchange(own.id, Uid::make());
        own.no += 7;
        own.start_rev = here.history.position.rev + 1;
        own.active = c.server;
        ahead.history.terms.push_back(own);
        ahead.role = Role::active;
        add(Kind::position, ahead.encode());
        add(Kind::pull, PullMessage{c.db->position()}.encode());
        add(Kind::delta, DeltaMessage{{forged_}}.encode());
        add(Kind::delta, DeltaMessage{c.db->records(1, 1 << 20)}.encode());
        CopyOffer offer;
        offer.id = Uid::make();
        offer.position = c.db->position();
        offer.size = offer.chunk_size = 64;
        offer.chunks.push_back(store::sha256(std::string(64, 'x')));
        add(Kind::copy_offer, offer.encode());
        add(Kind::copy_chunk, CopyChunk{offer.id, 0, 0, std::string(64, 'x')}.encode());
        for (Kind kind : {Kind::refused, Kind::copy_request, Kind::copy_get, Kind::copy_gone, Kind::full_sync,
                          Kind::full_sync_done, Kind::handover, Kind::handover_refused}) {
            add(kind, NoteMessage{Uid{}, 0, "anna"}.encode());
        }
        add(Kind::buckets, BucketsMessage{store::bucket_sums(c.db->file())}.encode());
        add(Kind::marks, MarksMessage{{1, 2, 3}, store::marks_of(c.db->file(), {1, 2, 3})}.encode());
        add(Kind::lost, LostMessage{{Uid::make()}, {1, 2}}.encode());
        FoundMessage found;
        found.at = c.db->position();
        found.records = c.db->records(1, 1 << 20);
        add(Kind::found, found.encode());
        ParkedPublish parked{forged_, "C"};
        std::string bytes = parked.encode();
        add(Kind::parked_put, ParkedPut{forged_.term_id, forged_.rev, bytes.size(), 0, bytes}.encode());
        add(Kind::parked_ok, ParkedOk{forged_.term_id, forged_.rev, true, 0, ""}.encode());
    }
    /// Through frames, as it comes from a line.
    void carry(Node& to, wire::Message message) {
        wire::SendQueue queue(64u << 20);
        if (!queue.push(std::move(message))) return;
        std::string bytes;
        for (wire::Frame frame; queue.next(frame);) wire::append(bytes, frame);
        wire::FrameReader reader;
        wire::Assembler assembler;
        reader.feed(bytes);
        while (auto frame = reader.next()) {
            if (auto m = assembler.add(*frame)) {
                to.replica->receive(net_[2].mds, static_cast<Kind>(m->kind), m->payload);
            }
        }
    }
    void fail(const char* what) {
        std::cerr << what << '\n';
        for (Node* n : {&a(), &b()}) {
            for (const std::string& line : n->lines) std::cerr << n->name << ": " << line << '\n';
        }
        std::abort();
    }
    void check() {
        if (a().replica->role() != Role::active) fail("the Active is none any more");
        if (b().replica->role() != Role::standby) fail("the Standby is none any more");
        for (Node* n : {&a(), &b()}) {
            store::Position at = n->db->position();
            if (at.hash != base_.hash || at.digest != base_.digest) fail("the content has changed");
            if (!n->recovered.empty()) fail("a publish was handed over");
            for (const std::string& line : n->lines) {
                if (line == "asking C for a full copy") fail("a copy was asked for");
            }
        }
    }

    Net net_;
    std::string folder_;
    store::Revision forged_;
    store::Position base_;
    std::vector<std::pair<Kind, std::string>> templates_;
};

}  // namespace
}  // namespace mds::repl

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    static std::unique_ptr<mds::repl::Stage> stage;
    static int played = 0;
    // What one input leaves at the Active does not pile up.
    if (!stage || ++played % 500 == 0) stage = std::make_unique<mds::repl::Stage>();
    stage->play({reinterpret_cast<const char*>(data), size});
    return 0;
}
