#pragma once
// Several replicas in one thread, over a network and a clock that the test moves.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <deque>
#include <filesystem>
#include <fstream>
#include <set>
#include <utility>

#include "base/text.hh"
#include "repl/replica.hh"
#include "store/verify.hh"

namespace mds::repl {

class Net;

/// One host of the simulated network: a real database in a temporary folder and a replica.
class Node : public Env {
  public:
    Node(Net& net, Uid id, std::string word, std::string disks = "/tmp")
        : net_(net), mds(id), name(std::move(word)), folder(disks + "/mds-repl-XXXXXX") {
        if (!mkdtemp(folder.data())) throw std::runtime_error("no folder below " + disks);
        server = id;
        server.bytes[0] ^= 0xff;
    }
    ~Node() override {
        power_off();
        replica.reset();
        db.reset();
        std::filesystem::remove_all(folder);
    }

    void boot(bool founder);
    void power_off() {
        if (on_power_off) on_power_off();
        replica.reset();
        db.reset();
    }
    uint64_t publish(const std::string& host, size_t size = 0) {
        replica->require_writable();
        store::Change change{store::Change::Op::put, Uid::make(), "host", "network", host, "{}"};
        // Of a size that travels in several pieces when `size` says so.
        change.doc = "{\"x\":\"" + hex(random_bytes(size / 2)) + "\"}";
        auto r = db->publish({Uid::make(), "", "anna", "", {change}},
                             [this] { replica->require_writable(); });
        replica->committed();
        return r.rev;
    }
    bool has(const std::string& host) { return db->find("network", host).has_value(); }

    int64_t mono_ms() override;
    int64_t wall_ms() override { return mono_ms() + 1'700'000'000'000; }
    Uid random_id() override;
    void send(const Uid& to, Kind kind, std::string payload) override;
    void make_copy(std::function<void(std::optional<CopyOffer>, std::string)> then) override {
        CopyOffer offer;
        offer.id = random_id();
        std::string path = folder + "/outgoing/" + offer.id.text();
        try {
            offer.position = db->copy_to(path);
        } catch (const Error& e) {
            std::filesystem::remove(path);
            return then(std::nullopt, e.message());
        }
        std::string bytes = read_file(path);
        offer.size = bytes.size();
        offer.chunk_size = 16384;
        for (size_t at = 0; at < bytes.size(); at += offer.chunk_size) {
            offer.chunks.push_back(store::sha256(bytes.substr(at, offer.chunk_size)));
        }
        then(offer, "");
    }
    std::optional<std::string> read_copy(const Uid& id, uint32_t index) override {
        std::string path = folder + "/outgoing/" + id.text();
        if (!std::filesystem::exists(path)) return std::nullopt;
        std::string bytes = read_file(path);
        std::string chunk = bytes.substr(size_t{16384} * index, 16384);
        if (damage_chunks > 0 && index == 1) {
            --damage_chunks;
            chunk[100] ^= 1;
        }
        return chunk;
    }
    bool write_copy(const Uid& id, uint64_t offset, std::string_view bytes) override {
        std::string path = received_copy(id);
        std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
        if (!file) {
            std::ofstream(path).flush();
            file.open(path, std::ios::in | std::ios::out | std::ios::binary);
        }
        file.seekp(static_cast<std::streamoff>(offset));
        file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
        return file.good();
    }
    std::string received_copy(const Uid& id) override { return folder + "/incoming/" + id.text(); }
    void drop_copy(const Uid& id) override {
        std::filesystem::remove(received_copy(id));
        std::filesystem::remove(folder + "/outgoing/" + id.text());
    }
    void in_background(std::function<void()> job, std::function<void()> then) override {
        if (hold_background) {
            held.push_back([job = std::move(job), then = std::move(then)] {
                job();
                then();
            });
            return;
        }
        job();
        then();
    }
    void run_held() {
        auto now_run = std::move(held);
        held.clear();
        for (auto& one : now_run) one();
    }
    void park(const std::vector<store::Revision>& records) override {
        if (disk_full) throw Error(Code::disk_full, "the disk is full");
        for (const auto& r : on_park ? on_park(records) : records) {
            if (r.kind == "publish") parked.push_back({{r, name}, false});
        }
    }
    uint32_t parked_count() override {
        return static_cast<uint32_t>(
            std::count_if(parked.begin(), parked.end(), [](const Row& row) { return !row.done; }));
    }
    std::optional<ParkedPublish> next_parked() override {
        for (const Row& row : parked) {
            if (!row.done) return row.publish;
        }
        return std::nullopt;
    }
    void handed_over(const Uid& term_id, uint64_t rev) override {
        for (Row& row : parked) {
            row.done |= row.publish.record.term_id == term_id && row.publish.record.rev == rev;
        }
    }
    void recover(const ParkedPublish& p) override {
        if (refuse_to_recover > 0) {
            --refuse_to_recover;
            throw Error(Code::internal, "the disk is full");
        }
        bool known = std::any_of(recovered.begin(), recovered.end(), [&](const ParkedPublish& r) {
            return r.record.term_id == p.record.term_id && r.record.rev == p.record.rev;
        });
        if (!known) recovered.push_back(p);
        handed_over(p.record.term_id, p.record.rev);
    }
    std::string open_work() override { return work; }
    std::string end_work(const std::string& why) override {
        ended_because = why;
        return std::exchange(work, "");
    }
    void copy_begins(const Peer& peer, bool first) override {
        copies.push_back(peer.name + (first ? " first" : " again"));
    }
    void copy_ends(const Peer& peer, const std::string& problem) override {
        copies.push_back(peer.name + (problem.empty() ? " done" : " failed"));
    }
    void role_changed(Role, const std::string&) override {
        if (on_role) on_role();
    }
    void content_changed(const std::vector<store::Revision>& records, bool) override {
        if (on_content) on_content(records);
    }
    void status_changed() override {}
    void log(int, const std::string& text) override { lines.push_back(text); }
    void event(Event event, const std::string& text, const std::string& peer) override {
        lines.push_back(text);
        events.emplace_back(event, peer);
    }

    /// Of what a test puts beside the replica; empty elsewhere. `on_boot` makes it anew.
    std::function<void()> on_boot, on_power_off, on_tick, on_role;
    std::function<void(const std::vector<store::Revision>&)> on_content;
    std::function<std::vector<store::Revision>(const std::vector<store::Revision>&)> on_park;
    std::function<void(const Uid& from, Kind kind, const std::string& payload)> on_message;

    Net& net_;
    Uid mds, server;
    std::string name, folder;
    /// What is installed there, from the next boot on.
    std::string release = "1";
    bool log_server = false;
    const std::vector<store::Migration>* steps = &store::migrations();
    std::unique_ptr<store::PublicDb> db;
    std::unique_ptr<Replica> replica;
    struct Row {
        ParkedPublish publish;
        bool done = false;
    };
    /// What outlives a restart: rows of work.db.
    std::vector<Row> parked;
    std::vector<ParkedPublish> recovered;
    int refuse_to_recover = 0;
    std::string work, ended_because;
    std::vector<std::string> copies;
    int damage_chunks = 0;
    bool hold_background = false, disk_full = false;
    std::vector<std::function<void()>> held;
    std::vector<std::string> lines;
    /// With the peer that each is about.
    std::vector<std::pair<Event, std::string>> events;
    /// The peer that the last event of this kind was about; nothing when there was none.
    std::optional<std::string> told(Event event) const {
        for (auto it = events.rbegin(); it != events.rend(); ++it) {
            if (it->first == event) return it->second;
        }
        return std::nullopt;
    }
};

class Net {
  public:
    explicit Net(int count) : Net(count, "/tmp", [](Node&) {}) {}
    /// `prepare` runs for each before any is started.
    Net(int count, const std::string& disks, const std::function<void(Node&)>& prepare,
        std::function<Uid()> make_ids = Uid::make)
        : ids(std::move(make_ids)) {
        for (int i = 0; i < count; ++i) {
            nodes.push_back(std::make_unique<Node>(*this, ids(), std::string(1, 'A' + i), disks));
            prepare(*nodes.back());
        }
        for (auto& n : nodes) n->boot(n == nodes.front());
        run(3000);
    }
    Node& operator[](size_t i) { return *nodes[i]; }
    std::vector<Peer> peers_of(const Node& me) const {
        std::vector<Peer> out;
        for (const auto& n : nodes) {
            if (n.get() != &me) out.push_back({n->mds, n->server, n->name, "10.0.0.1", n->name, n->log_server});
        }
        return out;
    }
    void run(int64_t ms) {
        for (int64_t until = now + ms; now < until; now += 50) {
            for (auto& n : nodes) {
                if (n->replica) n->replica->tick();
                if (n->replica && n->on_tick) n->on_tick();
            }
            deliver();
        }
    }
    void deliver() {
        for (int rounds = 0; rounds < 100000 && !queue.empty(); ++rounds) {
            auto m = std::move(queue.front());
            queue.pop_front();
            for (auto& n : nodes) {
                if (lose && lose(m)) continue;
                if (n->mds != m.to || !n->replica || cut.count({m.from, m.to})) continue;
                if (m.kind >= Kind::transaction_ask && n->on_message) {
                    n->on_message(m.from, m.kind, m.payload);
                } else {
                    n->replica->receive(m.from, m.kind, m.payload);
                }
            }
        }
    }
    void partition(size_t a, size_t b) {
        cut.insert({nodes[a]->mds, nodes[b]->mds});
        cut.insert({nodes[b]->mds, nodes[a]->mds});
    }
    struct Message {
        Uid from, to;
        Kind kind;
        std::string payload;
    };
    /// Where ids come from; of a seed where a run must be repeated.
    std::function<Uid()> ids;
    /// Says which messages do not arrive.
    std::function<bool(const Message&)> lose;
    std::deque<Message> queue;
    std::set<std::pair<Uid, Uid>> cut;
    int64_t now = 1000;
    std::vector<std::unique_ptr<Node>> nodes;
};

inline void Node::boot(bool founder) {
    db = std::make_unique<store::PublicDb>(folder, *steps);
    Replica::Identity self{mds, server, name, release, name, log_server, founder, "London"};
    replica = std::make_unique<Replica>(*db, *this, self, net_.peers_of(*this), Timing{});
    if (on_boot) on_boot();
    replica->start();
}

inline Uid Node::random_id() {
    return net_.ids();
}

inline int64_t Node::mono_ms() {
    return net_.now;
}

inline void Node::send(const Uid& to, Kind kind, std::string payload) {
    net_.queue.push_back({mds, to, kind, std::move(payload)});
}

inline SyncStatus status_of(Node& here, Node& there) {
    for (const PeerStatus& s : here.replica->peer_status()) {
        if (s.peer.mds == there.mds) return s.status;
    }
    throw std::runtime_error("no such peer");
}

inline void expect_equal(Node& a, Node& b) {
    EXPECT_EQ(a.db->position().hash, b.db->position().hash);
    EXPECT_EQ(a.db->position().digest, b.db->position().digest);
    EXPECT_TRUE(store::verify(a.db->file()).good());
    EXPECT_TRUE(store::verify(b.db->file()).good());
}

}  // namespace mds::repl
