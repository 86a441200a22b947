// The file of a backup: a plain tar that any tool can look into, and what makes sure that nobody has
// changed it (BK-4, security.md B9).
#include "archive.hh"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>

#include "base/error.hh"
#include "base/ids.hh"
#include "base/text.hh"
#include "crypto/hash.hh"
#include "crypto/secret.hh"
#include "pki/signature.hh"
#include "pki/uri.hh"
#include "pki/verify.hh"

namespace mds::backup {
namespace {

constexpr char k_manifest[] = "manifest.json", k_signature[] = "manifest.sig",
               k_certificates[] = "manifest.pem", k_script[] = "mds_restore";
/// A text in front of the entries; larger is none of ours.
constexpr int64_t k_most_text = 256LL << 20;
constexpr size_t k_piece = 1 << 20;

// In the archive, so that who finds it knows what to do with it.
constexpr char k_script_text[] =
    "#!/bin/sh\n"
    "# Restores the backup that this script was in; see mds_restore(8).\n"
    "exec /usr/lib/mds/mds-backup restore \"$@\"\n";

[[noreturn]] void damaged(const std::string& what) {
    throw Error(Code::validation_failed, "this backup cannot be used: " + what);
}

struct CloseWriter {
    void operator()(archive* a) const { archive_write_free(a); }
};
struct CloseReader {
    void operator()(archive* a) const { archive_read_free(a); }
};
struct FreeEntry {
    void operator()(archive_entry* e) const { archive_entry_free(e); }
};

class Writer {
  public:
    explicit Writer(const std::string& file) : archive_(archive_write_new()) {
        archive_write_set_format_pax_restricted(archive_.get());
        int fd = ::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0) throw Error(Code::internal, file + ": " + std::strerror(errno));
        fd_ = fd;
        check(archive_write_open_fd(archive_.get(), fd));
    }
    ~Writer() {
        archive_.reset();
        if (fd_ >= 0) ::close(fd_);
    }
    void text(const char* name, const std::string& content, mode_t mode = 0600) {
        Entry entry;
        entry.mode = mode;
        entry.user = entry.group = "root";
        entry.size = content.size();
        header(name, entry);
        put(content.data(), content.size());
    }
    void add(const std::string& path, const Entry& entry, const std::string& source) {
        header(path, entry);
        if (entry.kind != Entry::Kind::file) return;
        std::ifstream in(source, std::ios::binary);
        std::string piece(k_piece, '\0');
        for (uint64_t left = entry.size; left > 0;) {
            in.read(piece.data(), static_cast<std::streamsize>(std::min<uint64_t>(left, piece.size())));
            auto got = static_cast<uint64_t>(in.gcount());
            if (got == 0) throw Error(Code::internal, source + " became shorter");
            put(piece.data(), got);
            left -= got;
        }
    }
    void finish() {
        check(archive_write_close(archive_.get()));
        if (fsync(fd_) != 0) throw Error(Code::internal, std::string("fsync: ") + std::strerror(errno));
    }

  private:
    void header(const std::string& path, const Entry& entry) {
        std::unique_ptr<archive_entry, FreeEntry> e(archive_entry_new());
        archive_entry_set_pathname(e.get(), path.c_str());
        archive_entry_set_perm(e.get(), entry.mode);
        archive_entry_set_uname(e.get(), entry.user.c_str());
        archive_entry_set_gname(e.get(), entry.group.c_str());
        switch (entry.kind) {
            case Entry::Kind::folder: archive_entry_set_filetype(e.get(), AE_IFDIR); break;
            case Entry::Kind::link:
                archive_entry_set_filetype(e.get(), AE_IFLNK);
                archive_entry_set_symlink(e.get(), entry.target.c_str());
                break;
            case Entry::Kind::file:
                archive_entry_set_filetype(e.get(), AE_IFREG);
                archive_entry_set_size(e.get(), static_cast<int64_t>(entry.size));
        }
        check(archive_write_header(archive_.get(), e.get()));
    }
    void put(const char* data, uint64_t size) {
        if (archive_write_data(archive_.get(), data, size) != static_cast<la_ssize_t>(size)) {
            check(ARCHIVE_FATAL);
        }
    }
    void check(int result) {
        if (result >= ARCHIVE_WARN) return;
        const char* why = archive_error_string(archive_.get());
        throw Error(Code::internal, std::string("writing the backup: ") + (why ? why : "?"));
    }

    std::unique_ptr<archive, CloseWriter> archive_;
    int fd_ = -1;
};

const char* word(Entry::Kind kind) {
    return kind == Entry::Kind::folder ? "folder" : kind == Entry::Kind::link ? "link" : "file";
}

/// Below one of our roots, without a way out.
bool good_path(const std::string& path) {
    if (path.rfind("state/", 0) != 0 && path.rfind("etc/", 0) != 0 && path.rfind("logs/", 0) != 0 &&
        path != k_domain_content) {
        return false;
    }
    for (const auto& part : std::filesystem::path(path)) {
        if (part == ".." || part == "." || part.empty()) return false;
    }
    return path.find('\0') == std::string::npos;
}

class Reader {
  public:
    explicit Reader(const std::string& file) : archive_(archive_read_new()) {
        archive_read_support_format_tar(archive_.get());
        if (archive_read_open_filename(archive_.get(), file.c_str(), k_piece) != ARCHIVE_OK) {
            // It can be read; what it is cannot be told.
            if (access(file.c_str(), R_OK) == 0) damaged(why());
            throw Error(Code::object_not_found, file + " cannot be read: " + why());
        }
    }
    /// The next entry, or null at the end.
    archive_entry* next() {
        archive_entry* entry = nullptr;
        int result = archive_read_next_header(archive_.get(), &entry);
        if (result == ARCHIVE_EOF) return nullptr;
        if (result != ARCHIVE_OK) damaged(why());
        return entry;
    }
    std::string text(const char* name) {
        archive_entry* entry = next();
        if (!entry || std::string(archive_entry_pathname(entry)) != name ||
            archive_entry_size(entry) > k_most_text) {
            damaged(std::string("it does not begin as a backup does (") + name + ")");
        }
        std::string out;
        data([&](std::string_view piece) { out += piece; });
        return out;
    }
    template <class F>
    void data(F take) {
        std::string piece(k_piece, '\0');
        for (;;) {
            la_ssize_t got = archive_read_data(archive_.get(), piece.data(), piece.size());
            if (got < 0) damaged(why());
            if (got == 0) return;
            take(std::string_view(piece.data(), static_cast<size_t>(got)));
        }
    }

  private:
    std::string why() const {
        const char* text = archive_error_string(archive_.get());
        return text ? text : "?";
    }
    std::unique_ptr<archive, CloseReader> archive_;
};

/// Whether the server that the manifest names has signed it.
void prove(Proof& proof, const std::string& manifest, const std::string& signature,
           const std::string& certificates, const std::string& root) {
    // The server's own certificate, then those above it, the root last.
    std::vector<pki::Certificate> chain = pki::Certificate::list_from_pem(certificates);
    if (chain.size() < 2) damaged("it has no certificates");
    pki::Expectation expected;
    expected.deployment = proof.manifest.deployment_id;
    expected.scope = "servers";
    expected.kind = "server";
    expected.uuid = proof.manifest.uid;
    expected.at = -1;  // a backup does not end with the certificate of its day
    expected.anchors = root.empty() ? std::vector{chain.back()} : pki::Certificate::list_from_pem(root);
    expected.intermediates = {chain.begin() + 1, chain.end()};
    try {
        pki::verify(chain.front(), expected);
    } catch (const Error& e) {
        damaged("the certificate of its server is not one of this deployment: " + e.message());
    }
    if (!pki::signed_by(chain.front(), manifest, signature)) {
        damaged("its list of contents is not what " + proof.manifest.server + " has signed");
    }
    proof.root = hex(chain.back().fingerprint());
    proof.known_root = !root.empty();
}

void write_piece(int fd, std::string_view piece) {
    while (!piece.empty()) {
        ssize_t done = ::write(fd, piece.data(), piece.size());
        if (done < 0) throw Error(Code::internal, std::string("writing: ") + std::strerror(errno));
        piece.remove_prefix(static_cast<size_t>(done));
    }
}

}  // namespace

bool stays_inside(const std::string& path, const std::string& target) {
    if (target.empty() || target.front() == '/') return false;
    int depth = 0;
    std::filesystem::path whole = std::filesystem::path(path).parent_path() / target;
    for (const auto& part : whole) {
        depth += part == ".." ? -1 : part == "." ? 0 : 1;
        if (depth < 1) return false;
    }
    return true;
}

json::object Manifest::to_json() const {
    json::object list;
    for (const auto& [path, e] : entries) {
        json::object row{{"kind", word(e.kind)}, {"mode", fmt::format("{:04o}", e.mode)},
                         {"user", e.user}, {"group", e.group}};
        if (e.kind == Entry::Kind::link) row["target"] = e.target;
        if (e.kind == Entry::Kind::file) {
            row["size"] = e.size;
            row["sha256"] = e.hash;
        }
        list[path] = std::move(row);
    }
    json::object out{{"format", 1},          {"version", version}, {"deployment", deployment},
                     {"deployment-id", deployment_id}, {"server", server},   {"uid", uid},
                     {"role", role},         {"time", time},       {"set", set},
                     {"entries", std::move(list)}};
    if (!domain.empty()) out["domain"] = domain;
    return out;
}

Manifest Manifest::parse(std::string_view text) {
    json::object o;
    try {
        o = json::parse_object(text);
    } catch (const Error&) {
        damaged("its list of contents cannot be read");
    }
    if (json::get_int(o, "format") != 1) damaged("it is of another format");
    Manifest m;
    m.version = json::get_string(o, "version");
    m.deployment = json::get_string(o, "deployment");
    m.deployment_id = json::get_string(o, "deployment-id");
    m.server = json::get_string(o, "server");
    m.uid = json::get_string(o, "uid");
    m.role = json::get_string(o, "role");
    m.time = json::get_string(o, "time");
    m.set = json::get_string(o, "set");
    m.domain = json::get_object(o, "domain");
    for (const auto& member : json::get_object(o, "entries")) {
        std::string path(member.key());
        const json::object& row = member.value().as_object();
        Entry e;
        std::string kind = json::get_string(row, "kind");
        e.kind = kind == "folder" ? Entry::Kind::folder
                 : kind == "link" ? Entry::Kind::link
                                  : Entry::Kind::file;
        e.mode = static_cast<mode_t>(std::strtoul(json::get_string(row, "mode").c_str(), nullptr, 8)) & 0777;
        e.user = json::get_string(row, "user");
        e.group = json::get_string(row, "group");
        e.target = json::get_string(row, "target");
        e.size = static_cast<uint64_t>(json::get_int(row, "size"));
        e.hash = json::get_string(row, "sha256");
        if (!good_path(path) || (e.kind == Entry::Kind::link && !stays_inside(path, e.target))) {
            damaged("'" + path + "' leads out of it");
        }
        m.entries[path] = std::move(e);
    }
    // Of one kind: what is taken for a server's is never a Domain's, and the other way.
    if (m.domain.empty() ? m.entries.contains(k_domain_content)
                         : m.entries.size() != 1 || !m.entries.contains(k_domain_content)) {
        damaged("it is neither of a server nor of a Domain");
    }
    return m;
}

void write_archive(const Manifest& manifest, const std::string& staging, const std::string& trust,
                   const std::string& file) {
    std::string text = json::text(manifest.to_json());
    // What could not be read again is not written.
    Manifest::parse(text);
    std::string key_text = read_file(trust + "/identity.key");
    crypto::WipeAtEnd wipe(key_text);
    std::string signature = pki::sign(pki::Key::from_pem(key_text), text);
    std::string certificates = read_file(trust + "/identity.pem") + read_file(trust + "/chain.pem") +
                               read_file(trust + "/root.pem");
    std::string part = file + ".part";
    try {
        Writer out(part);
        out.text(k_manifest, text);
        out.text(k_signature, signature);
        out.text(k_certificates, certificates);
        out.text(k_script, k_script_text, 0700);
        for (const auto& [path, entry] : manifest.entries) out.add(path, entry, staging + "/" + path);
        out.finish();
        std::filesystem::rename(part, file);
    } catch (...) {
        std::error_code ignored;
        std::filesystem::remove(part, ignored);
        throw;
    }
}

namespace {

Proof read_head(Reader& in, const std::string& root) {
    Proof proof;
    std::string manifest = in.text(k_manifest), signature = in.text(k_signature),
                certificates = in.text(k_certificates);
    if (in.text(k_script) != k_script_text) damaged("its script was altered");
    proof.manifest = Manifest::parse(manifest);
    prove(proof, manifest, signature, certificates, root);
    return proof;
}

}  // namespace

Proof read_head(const std::string& file, const std::string& root) {
    Reader in(file);
    return read_head(in, root);
}

Proof read_archive(const std::string& file, const std::string& root, const std::string& folder) {
    Reader in(file);
    Proof proof = read_head(in, root);
    // Every entry once and as listed; links are made at the end, so that nothing is written through one.
    std::map<std::string, Entry> left = proof.manifest.entries;
    crypto::Sha256 hash;
    while (archive_entry* entry = in.next()) {
        std::string path = archive_entry_pathname(entry);
        if (archive_entry_filetype(entry) == AE_IFDIR && !path.empty() && path.back() == '/') path.pop_back();
        auto listed = left.find(path);
        if (listed == left.end()) damaged("'" + path + "' is not listed");
        const Entry& e = listed->second;
        std::string to = folder + "/" + path;
        if (e.kind == Entry::Kind::folder) {
            if (archive_entry_filetype(entry) != AE_IFDIR) damaged("'" + path + "' is not a folder");
            if (!folder.empty()) std::filesystem::create_directories(to);
        } else if (e.kind == Entry::Kind::link) {
            const char* target = archive_entry_symlink(entry);
            if (!target || e.target != target) damaged("'" + path + "' points elsewhere");
        } else {
            int fd = -1;
            if (!folder.empty()) {
                std::filesystem::create_directories(std::filesystem::path(to).parent_path());
                fd = ::open(to.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
                if (fd < 0) throw Error(Code::internal, to + ": " + std::strerror(errno));
            }
            uint64_t size = 0;
            try {
                in.data([&](std::string_view piece) {
                    size += piece.size();
                    if (size > e.size) damaged("'" + path + "' is longer than listed");
                    hash.update(piece);
                    if (fd >= 0) write_piece(fd, piece);
                });
            } catch (...) {
                if (fd >= 0) ::close(fd);
                throw;
            }
            if (fd >= 0 && (fsync(fd) != 0 || ::close(fd) != 0)) {
                throw Error(Code::internal, to + ": " + std::strerror(errno));
            }
            if (size != e.size || hex(hash.finish()) != e.hash) damaged("'" + path + "' was altered");
        }
        left.erase(listed);
    }
    if (!left.empty()) damaged("'" + left.begin()->first + "' is missing");
    if (folder.empty()) return proof;
    for (const auto& [path, e] : proof.manifest.entries) {
        if (e.kind == Entry::Kind::link) std::filesystem::create_symlink(e.target, folder + "/" + path);
    }
    return proof;
}

}  // namespace mds::backup
