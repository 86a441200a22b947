#include "simulation/server.hh"

#include <fcntl.h>
#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "base/error.hh"
#include "base/text.hh"
#include "simulation/world.hh"
#include "store/codec.hh"

namespace mds::simulation {
namespace fs = std::filesystem;
namespace {

// Small, so that the small databases of a run have many.
constexpr uint32_t k_chunk = 8192;

}  // namespace

Server::Inside::Inside(Server& s) {
    Disk::current = s.disk.get();
    Machine::simulated = true;
    Machine::mono_ms = s.mono_ms();
    Machine::wall_ms = s.wall_ms();
    Machine::random = &s.world.random;
}

Server::Inside::~Inside() {
    Disk::current = nullptr;
    Machine::simulated = false;
    Machine::random = nullptr;
}

Server::Server(World& w, int i, std::string word, bool log)
    : world(w), index(i), name(std::move(word)), log_server(log) {
    mds = world.random.uid();
    uid = world.random.uid();
    disk = std::make_unique<Disk>(world.folder() + "/" + name, world.random);
    mono_offset = world.random.between(1000, 1'000'000'000);
    wall_offset = 1'700'000'000'000 + world.random.between(-600'000, 600'000);
}

Server::~Server() {
    kill();
    std::error_code ignored;
    fs::remove_all(snapshot_folder(), ignored);
}

repl::Peer Server::as_peer() const {
    return {mds,           uid,        name,      "10.0.0." + std::to_string(index),
            "mds-" + name, log_server, index == 0};
}

bool Server::boot(bool founder) {
    ++life;
    Inside inside(*this);
    kept_known = false;
    try {
        db = std::make_unique<store::PublicDb>(disk->root());
        load_parked();
        repl::Replica::Identity self;
        self.mds = mds;
        self.server = uid;
        self.name = name;
        self.version = "1";
        self.mds_name = "mds-" + name;
        self.log_server = log_server;
        self.founder = founder;
        self.domain = "London";
        replica =
            std::make_unique<repl::Replica>(*db, *this, self, world.peers_of(*this), world.timing);
        replica->start();
        return true;
    } catch (const std::exception& e) {
        world.trace(*this, std::string("does not start: ") + e.what());
        if (!disk->dead() && disk->refused == 0) throw;
        return false;
    }
}

void Server::kill() {
    if (!db && !replica) return;
    disk->kill();
    Inside inside(*this);
    replica.reset();
    db.reset();
    for (auto* files : {&receiving_, &serving_}) {
        for (auto& [id, fd] : *files) close(fd);
        files->clear();
    }
    told.clear();
    unconfirmed.clear();
}

bool Server::keeps_whole(const Entry* entry) const {
    return std::any_of(kept.begin(), kept.end(), [entry](const auto& of) {
        return of.second && Chronicle::contains(of.second, entry);
    });
}

repl::SyncStatus Server::status_of(const Server& other) const {
    for (const repl::PeerStatus& s : replica->peer_status()) {
        if (s.peer.mds == other.mds) return s.status;
    }
    return repl::SyncStatus::unreachable;
}

int64_t Server::mono_ms() {
    return world.now() + mono_offset;
}
int64_t Server::wall_ms() {
    return world.now() + wall_offset;
}
Uid Server::random_id() {
    return world.random.uid();
}

void Server::send(const Uid& to, repl::Kind kind, std::string payload) {
    if (!disk->dead()) world.send(*this, to, kind, std::move(payload));
}

int Server::file(const std::string& path, bool make) {
    return open(path.c_str(), O_RDWR | O_CLOEXEC | (make ? O_CREAT : 0), 0640);
}

void Server::make_copy(std::function<void(std::optional<repl::CopyOffer>, std::string)> then) {
    repl::CopyOffer offer;
    offer.id = random_id();
    std::string path = disk->root() + "/outgoing/" + offer.id.text(), error;
    try {
        if (world.plan.failing_copies && world.random.percent(20)) {
            throw Error(Code::internal, "the copy failed");
        }
        offer.position = db->copy_to(path);
        std::string bytes = read_file(path);
        offer.size = bytes.size();
        offer.chunk_size = k_chunk;
        for (size_t at = 0; at < bytes.size(); at += k_chunk) {
            offer.chunks.push_back(store::sha256(std::string_view(bytes).substr(at, k_chunk)));
        }
    } catch (const std::exception& e) {
        error = e.what();
        std::error_code ignored;
        fs::remove(path, ignored);
    }
    int64_t delay =
        world.plan.slow_copies ? world.random.between(500, 20'000) : world.random.between(5, 300);
    world.later(*this, delay, [this, offer, error, path, then = std::move(then)] {
        if (!error.empty()) return then(std::nullopt, error);
        serving_[offer.id] = open(path.c_str(), O_RDONLY | O_CLOEXEC);
        then(offer, "");
    });
}

std::optional<std::string> Server::read_copy(const Uid& id, uint32_t chunk) {
    auto it = serving_.find(id);
    if (it == serving_.end()) return std::nullopt;
    if (world.plan.failing_copies && world.random.chance(3000)) return std::nullopt;
    std::string bytes(k_chunk, '\0');
    ssize_t n = pread(it->second, bytes.data(), bytes.size(),
                      static_cast<off_t>(chunk) * static_cast<off_t>(k_chunk));
    if (n <= 0) {
        world.trace(*this, fmt::format("cannot read chunk {} of a copy: {} {}", chunk, n, errno));
        return std::nullopt;
    }
    bytes.resize(static_cast<size_t>(n));
    return bytes;
}

bool Server::write_copy(const Uid& id, uint64_t offset, std::string_view bytes) {
    auto it = receiving_.find(id);
    if (it == receiving_.end()) {
        int fd = file(disk->root() + "/incoming/" + id.text() + ".part", true);
        if (fd < 0) return false;
        it = receiving_.emplace(id, fd).first;
    }
    return pwrite(it->second, bytes.data(), bytes.size(), static_cast<off_t>(offset)) ==
           static_cast<ssize_t>(bytes.size());
}

std::string Server::received_copy(const Uid& id) {
    if (auto it = receiving_.find(id); it != receiving_.end()) {
        close(it->second);
        receiving_.erase(it);
    }
    return disk->root() + "/incoming/" + id.text() + ".part";
}

void Server::drop_copy(const Uid& id) {
    for (auto* files : {&receiving_, &serving_}) {
        auto it = files->find(id);
        if (it == files->end()) continue;
        close(it->second);
        files->erase(it);
    }
    std::error_code ignored;
    fs::remove(disk->root() + "/incoming/" + id.text() + ".part", ignored);
    fs::remove(disk->root() + "/outgoing/" + id.text(), ignored);
}

void Server::in_background(std::function<void()> work, std::function<void()> then) {
    work();
    world.later(*this, world.random.between(1, 2000), std::move(then));
}

void Server::load_parked() {
    parked.clear();
    parked_bytes_ = 0;
    std::string path = disk->root() + "/parked";
    if (!fs::exists(path)) return;
    handed.clear();
    std::string all = read_file(path);
    std::string_view rest = all;
    while (rest.size() > 36) {
        uint32_t size = store::Reader(rest).u32();
        if (rest.size() < 36 + size_t{size}) break;
        std::string_view body = rest.substr(36, size);
        if (store::raw(store::sha256(body)) != rest.substr(4, 32)) break;
        store::Reader in(body);
        store::Revision r = store::read_record(in);
        r.undo = in.text();
        parked[{r.term_id, r.rev}] = std::move(r);
        rest.remove_prefix(36 + size);
        parked_bytes_ += 36 + size;
    }
}

void Server::park(const std::vector<store::Revision>& records) {
    std::string path = disk->root() + "/parked", bytes;
    std::vector<const store::Revision*> added;
    for (const store::Revision& r : records) {
        if (r.kind != "publish" || parked.count({r.term_id, r.rev})) continue;
        store::Writer body, front;
        store::write_record(body, r);
        body.text(r.undo);
        std::string text = body.take();
        front.u32(static_cast<uint32_t>(text.size())).hash(store::sha256(text));
        bytes += front.take() + text;
        added.push_back(&r);
    }
    if (added.empty()) return;
    int fd = file(path, true);
    auto fail = [](int error) {
        if (error == ENOSPC) throw Error(Code::disk_full, "parking: the disk is full");
        throw std::runtime_error(std::string("parking: ") + std::strerror(error));
    };
    if (fd < 0) fail(errno);
    bool done = ftruncate64(fd, parked_bytes_) == 0 &&
                pwrite(fd, bytes.data(), bytes.size(), parked_bytes_) ==
                    static_cast<ssize_t>(bytes.size()) &&
                fsync(fd) == 0;
    int error = errno;
    close(fd);
    if (!done) fail(error);
    parked_bytes_ += static_cast<int64_t>(bytes.size());
    for (const store::Revision* r : added) parked[{r->term_id, r->rev}] = *r;
    world.trace(*this, fmt::format("parks {} publishes", added.size()));
}

uint32_t Server::parked_count() {
    // What the Active keeps as recovered sessions waits for nobody.
    if (replica && replica->role() == repl::Role::active) return 0;
    return static_cast<uint32_t>(parked.size() - handed.size());
}

std::optional<repl::ParkedPublish> Server::next_parked() {
    for (const auto& [key, record] : parked) {
        if (!handed.count(key)) return repl::ParkedPublish{record, name};
    }
    return std::nullopt;
}

void Server::handed_over(const Uid& term_id, uint64_t rev) {
    handed.insert({term_id, rev});
}

void Server::recover(const repl::ParkedPublish& publish) {
    // Should this server not stay Active, it hands the session on as it would its own.
    handed.erase({publish.record.term_id, publish.record.rev});
    park({publish.record});
}

void Server::role_changed(repl::Role role, const std::string& why) {
    const char* words[] = {"starting", "standby", "active"};
    world.trace(*this, fmt::format("is {}: {}", words[static_cast<int>(role)], why));
}

void Server::content_changed(const std::vector<store::Revision>&, bool whole) {
    content_replaced |= whole;
}

void Server::log(int priority, const std::string& text) {
    world.trace(*this, fmt::format("log {}: {}", priority, text));
}

void Server::event(repl::Event, const std::string& text, const std::string&) {
    world.trace(*this, "event: " + text);
}

}  // namespace mds::simulation
