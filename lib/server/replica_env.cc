#include "server/replica_env.hh"

#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "base/clock.hh"
#include "log/log.hh"
#include "server/messages.hh"

namespace mds::server {
namespace {

constexpr uint32_t k_chunk = 1 << 20;
// SQLITE_FULL.
constexpr int k_sqlite_full = 13;

/// Hashes a finished copy chunk by chunk.
repl::CopyOffer describe(const Uid& id, const std::string& path, const store::Position& position) {
    repl::CopyOffer offer;
    offer.id = id;
    offer.position = position;
    offer.chunk_size = k_chunk;
    int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) throw Error(Code::internal, "cannot read " + path);
    std::string chunk(k_chunk, '\0');
    for (;;) {
        size_t size = 0;
        while (size < k_chunk) {
            ssize_t n = read(fd, chunk.data() + size, k_chunk - size);
            if (n <= 0) break;
            size += static_cast<size_t>(n);
        }
        if (size == 0) break;
        offer.size += size;
        offer.chunks.push_back(store::sha256(std::string_view(chunk).substr(0, size)));
    }
    close(fd);
    return offer;
}

}  // namespace

ReplicaEnv::ReplicaEnv(app::Daemon& daemon, SyncLink& link, store::PublicDb& db,
                       mgmt::Workspace& workspace, std::string folder, std::string domain_name,
                       std::string server_name)
    : daemon_(daemon),
      link_(link),
      db_(db),
      workspace_(workspace),
      parked_rows_(workspace.work()),
      folder_(std::move(folder)),
      domain_name_(std::move(domain_name)),
      server_name_(std::move(server_name)) {
    count_parked();
}

ReplicaEnv::~ReplicaEnv() {
    for (auto& [id, fd] : receiving_) close(fd);
    for (auto& [id, fd] : serving_) close(fd);
}

int64_t ReplicaEnv::mono_ms() { return mds::mono_ms(); }
int64_t ReplicaEnv::wall_ms() { return mds::wall_ms(); }
Uid ReplicaEnv::random_id() { return *Uid::from_bytes(random_bytes(16)); }

void ReplicaEnv::send(const Uid& mds, repl::Kind kind, std::string payload) {
    link_.send(mds, static_cast<uint16_t>(kind), payload);
}

void ReplicaEnv::make_copy(std::function<void(std::optional<repl::CopyOffer>, std::string)> then) {
    Uid id = random_id();
    std::string path = folder_ + "/outgoing/" + id.text();
    // VACUUM INTO reads its own snapshot: publishes go on meanwhile.
    daemon_.work([this, id, path, then = std::move(then)] {
        std::optional<repl::CopyOffer> offer;
        std::string error;
        try {
            offer = describe(id, path, db_.copy_to(path));
        } catch (const std::exception& e) {
            error = e.what();
            std::filesystem::remove(path);
        }
        daemon_.post([this, id, path, then, offer = std::move(offer), error]() mutable {
            if (offer) serving_[id] = open(path.c_str(), O_RDONLY | O_CLOEXEC);
            then(std::move(offer), error);
        });
    });
}

std::optional<std::string> ReplicaEnv::read_copy(const Uid& id, uint32_t index) {
    auto it = serving_.find(id);
    if (it == serving_.end()) return std::nullopt;
    std::string chunk(k_chunk, '\0');
    ssize_t n = pread(it->second, chunk.data(), chunk.size(),
                      static_cast<off_t>(index) * static_cast<off_t>(k_chunk));
    if (n <= 0) return std::nullopt;
    chunk.resize(static_cast<size_t>(n));
    return chunk;
}

bool ReplicaEnv::write_copy(const Uid& id, uint64_t offset, std::string_view bytes) {
    auto it = receiving_.find(id);
    if (it == receiving_.end()) {
        std::string path = folder_ + "/incoming/" + id.text() + ".part";
        int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0640);
        if (fd < 0) return false;
        it = receiving_.emplace(id, fd).first;
    }
    while (!bytes.empty()) {
        ssize_t n = pwrite(it->second, bytes.data(), bytes.size(), static_cast<off_t>(offset));
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return false;
        bytes.remove_prefix(static_cast<size_t>(n));
        offset += static_cast<uint64_t>(n);
    }
    return true;
}

std::string ReplicaEnv::received_copy(const Uid& id) {
    // Our descriptor is closed before SQLite opens the file: closing it later would drop SQLite's
    // locks on it (POSIX).
    if (auto it = receiving_.find(id); it != receiving_.end()) {
        close(it->second);
        receiving_.erase(it);
    }
    return folder_ + "/incoming/" + id.text() + ".part";
}

void ReplicaEnv::drop_copy(const Uid& id) {
    for (auto* files : {&receiving_, &serving_}) {
        auto it = files->find(id);
        if (it == files->end()) continue;
        close(it->second);
        files->erase(it);
    }
    std::error_code ignored;
    std::filesystem::remove(folder_ + "/incoming/" + id.text() + ".part", ignored);
    std::filesystem::remove(folder_ + "/outgoing/" + id.text(), ignored);
}

void ReplicaEnv::in_background(std::function<void()> work, std::function<void()> then) {
    daemon_.work([this, work = std::move(work), then = std::move(then)]() mutable {
        work();
        daemon_.post(std::move(then));
    });
}

void ReplicaEnv::park(const std::vector<store::Revision>& records) {
    parked_ += parked_rows_.put(before_park ? before_park(records) : records, server_name_);
}

uint32_t ReplicaEnv::parked_count() { return parked_; }

std::optional<repl::ParkedPublish> ReplicaEnv::next_parked() {
    auto next = parked_rows_.next();
    if (!next) return std::nullopt;
    return repl::ParkedPublish{std::move(next->record), std::move(next->origin)};
}

void ReplicaEnv::handed_over(const Uid& term_id, uint64_t rev) {
    parked_rows_.handed_over(term_id, rev, wall_ms());
    count_parked();
}

void ReplicaEnv::recover(const repl::ParkedPublish& publish) {
    workspace_.recover({publish.record, publish.origin});
    count_parked();
    status_changed();
}

void ReplicaEnv::release_recovered() {
    workspace_.release_recovered();
    count_parked();
}

std::string ReplicaEnv::open_work() {
    constexpr int64_t k_fresh_ms = 200;
    int64_t now = mono_ms();
    if (work_.empty() || now - work_at_ > k_fresh_ms) {
        work_ = json::text(workspace_.open_work());
        work_at_ = now;
    }
    return work_;
}

bool ReplicaEnv::work_changed() {
    if (open_work() == work_told_) return false;
    work_told_ = work_;
    return true;
}

std::string ReplicaEnv::end_work(const std::string& why) {
    std::string cost = json::text(workspace_.end_work(why));
    count_parked();
    work_.clear();
    return cost;
}

void ReplicaEnv::copy_begins(const repl::Peer& peer, bool first) {
    if (on_copy_begins) on_copy_begins(peer, first);
}

void ReplicaEnv::copy_ends(const repl::Peer& peer, const std::string& problem) {
    if (on_copy_ends) on_copy_ends(peer, problem);
}

void ReplicaEnv::role_changed(repl::Role role, const std::string& why) {
    if (on_role) on_role(role, why);
}

void ReplicaEnv::content_changed(const std::vector<store::Revision>& records, bool whole) {
    if (on_content) on_content(records, whole);
}

void ReplicaEnv::status_changed() {
    if (on_status) on_status();
}

void ReplicaEnv::log(int priority, const std::string& text) {
    log::write(static_cast<log::Priority>(priority), text, {{"MDS_DOMAIN", domain_name_}});
}

void ReplicaEnv::event(repl::Event event, const std::string& text, const std::string& peer) {
    log::event(message_of(event), text,
               {{"MDS_DOMAIN", domain_name_}, {"MDS_SERVER", server_name_}, {"MDS_PEER", peer}});
}

}  // namespace mds::server
