#pragma once
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hh"
#include "base/ids.hh"
#include "json/json.hh"
#include "model/document.hh"
#include "model/render.hh"
#include "store/public_db.hh"

namespace mds::mgmt {

class Workspace;
struct WorkspaceImpl;
struct Session;

/// HTTP status and JSON body of an answer.
struct Reply {
    int status = 200;
    std::string body;
};
Reply ok_reply(const json::object& body);
/// management-api.md 5: {code, message, errors, warnings}, and "refusal":{"id","next"} when set.
Reply error_reply(const Error& error);
/// Runs `f` and turns what it throws into a reply; a plain exception is an internal error.
Reply guarded(const std::function<json::object()>& f);

/// from, to, total of a list, by the rules that keep clients from asking for ever
/// (management-api.md 6).
void put_range(json::object& reply, uint64_t offset, uint64_t count, uint64_t total);

/// One object as a session sees it.
struct View {
    Uid uid;
    const model::Type* type = nullptr;
    std::string name;
    /// Revision that last changed it; 0 = new in this session.
    uint64_t rev = 0;
    /// References are marked strings (store::make_reference).
    json::object document;
    bool predefined = false;
    /// In a Domain: belongs to the Global Domain (mgmt/global.hh), read-only here.
    bool global = false;
};

/// One command being executed in a session. Lives until its reply is given.
class Call {
  public:
    Call(Workspace& workspace, std::shared_ptr<Session> session, std::string command,
         std::string version, json::object params, std::map<std::string, std::string> client);
    ~Call();

    Workspace& workspace() { return workspace_; }
    const std::string& command() const { return command_; }
    const std::string& version() const { return version_; }
    const json::object& params() const;
    /// Why somebody does it, in his words, for the audit record; empty when he did not say.
    const std::string& reason() const { return reason_; }
    void give_reason(std::string text) { reason_ = std::move(text); }
    /// {"ip": ..., "application": ..., "host": ...} as mds-api gives it.
    const std::map<std::string, std::string>& client() const { return client_; }

    // ---- who asks ----
    const std::string& user() const;
    Uid user_uid() const;
    Uid session_uid() const;
    bool read_only() const;
    /// A permission of open_session's `permissions`; local superusers have all.
    bool permitted(std::string_view permission) const;
    /// Whether the profile gives the right to see, or to change, an area (model::Type::area).
    /// Sessions without "areas" in their permissions have all.
    bool may(const std::string& area, bool write) const;
    /// Throws Error(no_permissions) naming the type and its area.
    void require_area(const model::Type& type, bool write) const;
    /// Throws Error(no_permissions) naming the permission.
    void require(std::string_view permission) const;
    Session& session() { return *session_; }

    // ---- parameters ----
    /// The parameter as text; throws missing_parameters when it is absent.
    std::string text(std::string_view name) const;
    std::string text_or(std::string_view name, std::string_view otherwise) const;
    /// Loose: "true" counts.
    bool flag(std::string_view name, bool otherwise = false) const;
    int64_t integer(std::string_view name, int64_t otherwise) const;
    model::Level level(model::Level otherwise) const;
    /// Throws Error(invalid_parameter_name) for a parameter that is not listed.
    void only(const std::vector<std::string>& allowed) const;
    /// The same for a command that can plan: true when `plan` asks what would be done and what is against it,
    /// and nothing is to change. Our own tools ask so; the API of others has no such parameter.
    bool only_or_plan(std::vector<std::string> allowed) const;

    // ---- objects through the session: public and own changes ----
    std::optional<View> get(const Uid& uid);
    /// By type name and name (case does not matter); predefined objects too.
    std::optional<View> find(std::string_view type, std::string_view name);
    /// By `uid` or `name` of the parameters (or by the given text); object_not_found otherwise.
    View object(std::string_view type);
    View object(std::string_view type, std::string_view uid_or_name);
    /// All objects of a type, in order of names. For small types (mds, domain) only.
    std::vector<View> all(std::string_view type);
    /// Direct users of an object.
    std::vector<Uid> users(const Uid& uid);
    /// Reply form of an object, and its standard form (OBJ).
    json::object render(const View& view, model::Level references = model::Level::standard);
    json::object render_obj(const View& view);
    /// Value of a reference field: the uid; nothing when absent.
    static std::optional<Uid> reference(const json::object& document, std::string_view field);

    // ---- changes in the session: they lock, validate, and are private until publish ----
    /// As add-<type> with these parameters (ignore-warnings included); `internal` are fields that
    /// only the server sets (Field::read_only), stored as given.
    View add(std::string_view type, const json::object& params, const json::object& internal = {});
    View set(const View& view, const json::object& params, const json::object& internal = {});
    /// Throws generic_err_object_deletion with the users (RF-25), unless `in_use_too`: then what
    /// refers to it is left as it is, an error of the session that stops its publish.
    void remove(const View& view, bool in_use_too = false);
    /// Stores a whole document; for types that other services edit in their own way.
    View put(std::string_view type, const Uid& uid, json::object document);
    /// Runs `f`; all it changed in the session is taken back when it throws.
    json::object atomically(const std::function<json::object()>& f);
    /// Takes the lock; throws RF-36 with owner, session and since.
    void lock(const View& view, bool by_hand = false);

    // ---- what a command accepts ----
    /// Thrown by only() when a command is asked for its parameters instead of being done.
    struct Parameters {
        std::vector<std::string> names;
    };
    /// Runs `command` until it says what it accepts, with only(): throws Parameters then. Whatever
    /// else it does first ends it with Error(internal): nothing is read and nothing changed.
    static void ask_parameters(Workspace& workspace, std::shared_ptr<Session> session,
                               const std::string& command, const std::function<void(Call&)>& run);

  private:
    friend class Workspace;
    friend struct WorkspaceImpl;
    /// Throws when the command is only asked for its parameters.
    void must_do() const;
    bool asking_ = false;
    Workspace& workspace_;
    std::shared_ptr<Session> session_;
    std::string command_, version_, reason_;
    json::object params_;
    std::map<std::string, std::string> client_;
};

}  // namespace mds::mgmt
