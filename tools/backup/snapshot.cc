#include "snapshot.hh"

#include <SQLiteCpp/Backup.h>
#include <grp.h>
#include <pwd.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "base/error.hh"
#include "base/ids.hh"
#include "base/text.hh"
#include "crypto/hash.hh"
#include "machine.hh"

namespace mds::backup {
namespace {

namespace fs = std::filesystem;

/// Read at once; nothing else is larger but databases.
constexpr off_t k_most_text = 64 << 20;

bool ends_with(const std::string& text, const char* tail) {
    size_t size = std::strlen(tail);
    return text.size() >= size && text.compare(text.size() - size, size, tail) == 0;
}

/// What is made anew, or belongs to a moment.
bool left_out(const std::string& name) {
    return ends_with(name, ".db-wal") || ends_with(name, ".db-shm") || ends_with(name, "-journal") ||
           ends_with(name, ".part") || name == "incoming" || name == "outgoing" || name == "tentative" ||
           name == "probe" || name == "backup.db" ||
           name.rfind("damaged-", 0) == 0 || name.rfind("replaced-", 0) == 0 || name.rfind("before-", 0) == 0 ||
           name.rfind("restore-", 0) == 0;
}

Entry about(const std::string& path) {
    struct stat s {};
    if (lstat(path.c_str(), &s) != 0) throw Error(Code::internal, path + ": " + std::strerror(errno));
    Entry e;
    e.kind = S_ISDIR(s.st_mode)   ? Entry::Kind::folder
             : S_ISLNK(s.st_mode) ? Entry::Kind::link
                                  : Entry::Kind::file;
    e.mode = s.st_mode & 0777;
    const passwd* user = getpwuid(s.st_uid);
    const group* group = getgrgid(s.st_gid);
    e.user = user ? user->pw_name : std::to_string(s.st_uid);
    e.group = group ? group->gr_name : std::to_string(s.st_gid);
    e.size = static_cast<uint64_t>(s.st_size);
    return e;
}

void hash_file(const std::string& path, Entry& entry) {
    std::ifstream in(path, std::ios::binary);
    crypto::Sha256 hash;
    std::string piece(1 << 20, '\0');
    entry.size = 0;
    while (in) {
        in.read(piece.data(), static_cast<std::streamsize>(piece.size()));
        auto got = static_cast<size_t>(in.gcount());
        hash.update(std::string_view(piece).substr(0, got));
        entry.size += got;
    }
    entry.hash = hex(hash.finish());
}

}  // namespace

Snapshot::Snapshot() {
    walk(k_state, "state");
    if (fs::exists(k_etc)) walk(k_etc, "etc");
}

void Snapshot::walk(const std::string& folder, const std::string& prefix) {
    // A folder with generations has one that counts.
    std::string current;
    if (fs::exists(folder + "/current") && !fs::is_symlink(folder + "/current")) {
        current = read_file(folder + "/current");
        while (!current.empty() && current.back() == '\n') current.pop_back();
    }
    for (const auto& item : fs::directory_iterator(folder)) {
        std::string name = item.path().filename(), source = item.path(), path = prefix + "/" + name;
        if (left_out(name) || (!current.empty() && name.rfind("gen-", 0) == 0 && name != current)) continue;
        Entry entry = about(source);
        if (item.is_symlink()) {
            entry.target = fs::read_symlink(item.path());
            if (stays_inside(path, entry.target)) {
                entries_[path] = entry;
            } else {
                std::fprintf(stderr, "%s points to %s and is not backed up\n", source.c_str(),
                             entry.target.c_str());
            }
        } else if (item.is_directory()) {
            entries_[path] = entry;
            walk(source, path);
        } else if (item.is_regular_file() && ends_with(name, ".db")) {
            entries_[path] = entry;
            pin(path, source);
        } else if (item.is_regular_file()) {
            keep_text(path, source, entry);
        }
    }
}

void Snapshot::pin(const std::string& path, const std::string& source) {
    auto read = [&](const std::string& from) {
        // One that nobody has open is read as it lies: SQLite would leave files of root's beside it.
        bool open = fs::exists(from + "-wal");
        databases_.push_back({path, from,
                              open ? SQLite::Database(from, SQLite::OPEN_READONLY)
                                   : SQLite::Database("file:" + from + "?immutable=1",
                                                      SQLite::OPEN_READONLY | SQLite::OPEN_URI)});
        // From the first read on it stays as it is now.
        databases_.back().database.exec("BEGIN");
        databases_.back().database.execAndGet("SELECT count(*) FROM sqlite_master");
    };
    try {
        read(source);
    } catch (const SQLite::Exception& e) {
        // A work.db is its service's alone while that runs; it has made a copy just now.
        std::string copy = fs::path(source).parent_path() / "backup.db";
        if (e.getErrorCode() != SQLITE_BUSY || !ends_with(source, "/work.db") || !fs::exists(copy)) throw;
        databases_.pop_back();
        read(copy);
    }
}

void Snapshot::keep_text(const std::string& path, const std::string& source, Entry entry) {
    if (static_cast<off_t>(entry.size) > k_most_text) {
        throw Error(Code::internal, source + " is too large to be one of OpenMDS; move it elsewhere");
    }
    std::string text = read_file(source);
    entry.size = text.size();
    entry.hash = hex(crypto::sha256(text));
    entries_[path] = std::move(entry);
    texts_[path] = std::move(text);
}

std::map<std::string, Entry> Snapshot::copy(const std::string& staging, bool logs) {
    std::map<std::string, Entry> entries = entries_;
    for (const auto& [path, entry] : entries) {
        if (entry.kind == Entry::Kind::folder) fs::create_directories(staging + "/" + path);
    }
    for (const auto& [path, text] : texts_) {
        fs::create_directories(fs::path(staging + "/" + path).parent_path());
        replace_file(staging + "/" + path, text, 0600);
    }
    texts_.clear();
    for (; !databases_.empty(); databases_.pop_front()) {
        Database& d = databases_.front();
        std::string to = staging + "/" + d.path;
        {
            SQLite::Database copied(to, SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
            SQLite::Backup backup(copied, d.database);
            while (backup.executeStep(-1) != SQLITE_DONE) usleep(1000);
        }
        if (ends_with(d.path, "/work.db")) take_audit(to, d.path, staging, logs, entries);
        hash_file(to, entries.at(d.path));
    }
    return entries;
}

void Snapshot::take_audit(const std::string& copied, const std::string& path, const std::string& staging,
                          bool logs, std::map<std::string, Entry>& entries) {
    SQLite::Database database(copied, SQLite::OPEN_READWRITE);
    if (!database.tableExists("audit")) return;
    if (logs) {
        // "state/domains/UID/work.db" -> "logs/domains-UID-audit.jsonl"
        std::string name = path.substr(std::strlen("state/"), path.rfind('/') - std::strlen("state/"));
        for (char& c : name) {
            if (c == '/') c = '-';
        }
        name = "logs/" + name + "-audit.jsonl";
        fs::create_directories(staging + "/logs");
        std::ofstream out(staging + "/" + name, std::ios::binary);
        SQLite::Statement s(database, "SELECT * FROM audit ORDER BY id");
        while (s.executeStep()) {
            json::object row;
            for (int i = 0; i < s.getColumnCount(); ++i) {
                SQLite::Column c = s.getColumn(i);
                if (c.isNull()) continue;
                if (c.isInteger()) {
                    row[c.getName()] = c.getInt64();
                } else if (c.isBlob()) {
                    row[c.getName()] = hex({static_cast<const char*>(c.getBlob()),
                                            static_cast<size_t>(c.getBytes())});
                } else {
                    row[c.getName()] = c.getString();
                }
            }
            out << json::text(row) << "\n";
        }
        out.close();
        if (!out) throw Error(Code::internal, name + " cannot be written");
        Entry entry = about(staging + "/" + name);
        hash_file(staging + "/" + name, entry);
        entries[name] = entry;
    }
    // The open trail itself is not in it; a restore keeps what the machine has.
    for (const char* table : {"audit", "audit_chain", "witness"}) {
        if (database.tableExists(table)) database.exec(std::string("DELETE FROM ") + table);
    }
}

}  // namespace mds::backup
