// mgmt_cli: the management API on the command line (mgmt_cli(1)).
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "arguments.hh"
#include "base/error.hh"
#include "base/text.hh"
#include "client/api.hh"
#include "client/known_servers.hh"
#include "client/terminal.hh"
#include "help.hh"
#include "local_login.hh"

namespace mds::cli {
namespace {

constexpr char k_usage[] =
    "Usage: mgmt_cli COMMAND [NAME VALUE ...] [switches]\n\n"
    "Runs one command of the management API. Two words for add, set, show, delete:\n"
    "  mgmt_cli add host name web ip-address 192.0.2.1 -s id.txt\n"
    "  mgmt_cli login user admin domain London > id.txt\n"
    "  mgmt_cli show hosts -r true -d London -f json\n\n"
    "  mgmt_cli help [add host]    all commands, or the parameters of one\n\n"
    "Lists and nested values: groups.1 a groups.2 b   interfaces.1.name eth0\n\n"
    "  -u, --user NAME           -p, --password PASSWORD (asked when missing)\n"
    "  -c, --client-cert FILE    log in with a certificate (P12, -p opens it; or PEM)\n"
    "  -r, --root true           root on this server, without a password\n"
    "  -s, --session-file FILE   --session-id SID\n"
    "  -d, --domain NAME         default: System Data\n"
    "  -m, --management SERVER   default: this one    --port N (443)\n"
    "  -f, --format json|text    -b, --batch FILE.csv  --ignore-errors true\n"
    "      --sync true|false     wait for tasks (true) --version V\n"
    "  -k, --api-key KEY         --read-only true      --session-timeout SECONDS (600)\n"
    "      --unsafe-auto-accept true   --conn-timeout SECONDS (180)\n"
    "      --proxy HOST:PORT     --context web_api     --user-agent NAME\n"
    "Each switch can be given by MGMT_CLI_USER, _PASSWORD, _DOMAIN, _SESSION_FILE, ...\n";

std::string ask_password() {
    return client::ask_hidden("Password", "no password: give MGMT_CLI_PASSWORD or -s FILE");
}

class Session {
  public:
    explicit Session(const Arguments& arguments)
        : arguments_(arguments),
          host_(arguments.get("management", "127.0.0.1")),
          api_(host_, arguments.get("port", "443"), arguments.seconds("conn-timeout", 180),
               [this](const std::string& print) {
                   return client::accept_server(host_, print, arguments_.flag("unsafe-auto-accept"),
                                                "--unsafe-auto-accept true");
               }) {
        api_.version = arguments.get("version");
        api_.context = arguments.get("context", "web_api");
        if (std::string proxy = arguments.get("proxy"); !proxy.empty()) api_.https().use_proxy(proxy);
        if (std::string name = arguments.get("user-agent"); !name.empty()) api_.https().call_itself(name);
        std::string file = arguments.get("client-cert");
        bool session = !arguments.get("session-id").empty() || !arguments.get("session-file").empty();
        if (file.empty() || session) return;
        // Nothing is asked when the file needs nothing.
        bool sealed = !arguments.switches.count("password") && !std::string_view(file).ends_with(".pem");
        api_.https().show_certificate(file, sealed ? ask_password() : arguments.get("password"));
    }

    json::object call(const std::string& command, const json::object& body, int* status = nullptr) {
        return status ? api_.call(sid_, command, body, *status) : api_.call(sid_, command, body);
    }

    /// The session of -s, --session-id; otherwise a login that close() ends.
    void open() {
        sid_ = arguments_.get("session-id");
        std::string file = arguments_.get("session-file");
        if (sid_.empty() && !file.empty()) {
            json::object saved = json::parse_object(read_file(file));
            sid_ = json::get_string(saved, "sid");
            std::string url = json::get_string(saved, "url");
            size_t at = url.rfind("/v");
            if (api_.version.empty() && at != std::string::npos && url.find("/web_api") < at) {
                api_.version = url.substr(at + 2);
            }
        }
        if (!sid_.empty()) return;
        own_ = true;
        json::object body = login_body(arguments_);
        sid_ = json::get_string(login(body), "sid");
    }

    static json::object login_body(const Arguments& arguments) {
        json::object body;
        if (std::string user = arguments.get("user"); !user.empty()) body["user"] = user;
        if (std::string key = arguments.get("api-key"); !key.empty()) body["api-key"] = key;
        if (std::string domain = arguments.get("domain"); !domain.empty()) body["domain"] = domain;
        if (arguments.flag("read-only")) body["read-only"] = true;
        if (!arguments.get("session-timeout").empty()) {
            body["session-timeout"] = arguments.seconds("session-timeout", 600);
        }
        // With a certificate it opens the file, and is nobody else's business.
        if (std::string password = arguments.get("password");
            !password.empty() && arguments.get("client-cert").empty()) {
            body["password"] = password;
        }
        return body;
    }

    json::object login(json::object body) {
        if (arguments_.flag("root")) {
            body.erase("user");
            return local_login(body);
        }
        if (!arguments_.get("client-cert").empty()) return call("login", body);
        if (!json::find(body, "user") && !json::find(body, "api-key")) {
            throw Error(Code::missing_parameters, "no login: give -s FILE, -u USER or -r true");
        }
        if (!json::find(body, "password") && !json::find(body, "api-key")) {
            body["password"] = ask_password();
        }
        return call("login", body);
    }

    /// Waits for the task(s) of a reply; false when one failed. `reply` becomes the last task reply.
    bool wait(json::object& reply) {
        for (const std::string& id : client::Api::tasks_of(reply)) {
            json::object state = api_.ended(sid_, id);
            const json::array& tasks = json::get_array(state, "tasks");
            std::string status = tasks.empty() ? "failed" : json::get_string(tasks[0].as_object(), "status");
            reply = std::move(state);
            if (status == "failed" || status == "partially succeeded") return false;
        }
        return true;
    }

    bool own() const { return own_; }
    void close() {
        if (!own_) return;
        int status = 0;
        call("logout", {}, &status);
    }

  private:
    const Arguments& arguments_;
    std::string host_;
    client::Api api_;
    std::string sid_;
    bool own_ = false;
};

void print(const Arguments& arguments, const json::value& v) {
    bool as_json = arguments.get("format", isatty(STDOUT_FILENO) ? "text" : "json") == "json";
    std::string text = as_json ? json::pretty(v) + "\n" : as_text(v);
    std::fwrite(text.data(), 1, text.size(), stdout);
}

/// Whether a command changes objects, which nobody sees before it is published.
bool writes(const std::string& command) {
    return command.rfind("add-", 0) == 0 || command.rfind("set-", 0) == 0 ||
           command.rfind("delete-", 0) == 0 || command == "reset-sic";
}

int run(const Arguments& arguments) {
    if (arguments.switches.count("password") && !std::getenv("MGMT_CLI_PASSWORD")) {
        std::fprintf(stderr, "Warning: a password on the command line is seen by others.\n");
    }
    Session session(arguments);
    if (arguments.command == "login") {
        Arguments whole = arguments;
        json::object body = Session::login_body(arguments);
        for (const auto& m : arguments.parameters) body[m.key()] = m.value();
        print(arguments, session.login(body));
        return 0;
    }
    std::vector<json::object> calls{arguments.parameters};
    if (std::string batch = arguments.get("batch"); !batch.empty()) {
        calls = read_batch(batch);
        for (json::object& row : calls) {
            for (const auto& m : arguments.parameters) row[m.key()] = m.value();
        }
    }
    session.open();
    int exit = 0;
    bool changed = false;
    for (const json::object& body : calls) {
        int status = 0;
        json::object reply = session.call(arguments.command, body, &status);
        if (status != 200) {
            print(arguments, reply);
            exit = exit_code(code_from_word(json::get_string(reply, "code")));
            if (arguments.flag("ignore-errors")) continue;
            if (session.own()) session.call("discard", {}, &status);
            session.close();
            return exit;
        }
        changed = changed || writes(arguments.command);
        if (arguments.command != "show-task" && arguments.flag("sync", true) && !session.wait(reply)) {
            exit = 1;
        }
        print(arguments, reply);
    }
    if (session.own() && changed) {
        int status = 0;
        json::object reply = session.call("publish", {}, &status);
        if (status != 200) {
            // The session is this command's own: nobody comes back to it, and its locks would stay.
            print(arguments, reply);
            exit = exit_code(code_from_word(json::get_string(reply, "code")));
            session.call("discard", {}, &status);
        } else if (!session.wait(reply)) {
            print(arguments, reply);
            exit = 1;
        }
    }
    session.close();
    return exit;
}

}  // namespace
}  // namespace mds::cli

int main(int argc, char** argv) {
    try {
        if (argc > 1 && std::string(argv[1]) == "help") return mds::cli::help({argv + 2, argv + argc});
        mds::cli::Arguments arguments = mds::cli::parse_arguments({argv + 1, argv + argc});
        mds::cli::hide_secrets(argc, argv);
        if (arguments.help || arguments.command.empty()) {
            std::fputs(mds::cli::k_usage, arguments.help ? stdout : stderr);
            return arguments.help ? 0 : 2;
        }
        return mds::cli::run(arguments);
    } catch (const mds::Error& e) {
        std::fprintf(stderr, "code: \"%s\"\nmessage: \"%s\"\n",
                     std::string(mds::code_word(e.code())).c_str(), e.message().c_str());
        return exit_code(e.code());
    } catch (const std::exception& e) {
        std::fprintf(stderr, "Error: %s\n", e.what());
        return 1;
    }
}
