#include "base/environment.hh"
#include "service.hh"

#include <arpa/inet.h>
#include <unistd.h>

#include <cstdlib>

#include "app/socket.hh"
#include "base/clock.hh"
#include "base/error.hh"
#include "base/text.hh"
#include "crypto/secret.hh"
#include "http/form.hh"
#include "log/log.hh"
#include "page.hh"
#include "root_side.hh"

namespace mds::claim {
namespace {

constexpr char k_cookie[] = "__Host-mds-setup";
/// Requests of one address per second, and at once.
constexpr double k_per_second = 10, k_burst = 50;
/// What was told last reaches the browser in this time.
constexpr auto k_farewell = std::chrono::seconds(1);

int listening_socket() {
    int passed = app::passed_socket("https");
    if (passed >= 0) return passed;
    std::string where = environment("MDS_CLAIM_LISTEN", "");
    size_t colon = where.rfind(':');
    if (colon == where.npos) {
        throw Error(Code::invalid_parameter, "mds-claim.socket has passed no port: systemctl start mds-claim.socket");
    }
    return http::listen_on(where.substr(0, colon), static_cast<uint16_t>(std::atoi(where.c_str() + colon + 1)));
}

http::Limits limits() {
    http::Limits limits;
    limits.body_bytes = 16'384;
    limits.header_bytes = 8'192;
    limits.body_s = 20;
    limits.connections = 200;
    limits.connections_per_address = 16;
    limits.handshakes_per_second = 20;
    limits.threads = 1;
    return limits;
}

/// Of the header Host, an address or a name of this host: no name that a stranger has turned to this address.
bool is_this_server(const std::string& header) {
    std::string name = header;
    bool six = name.starts_with("[");
    size_t end = six ? name.find(']') : name.rfind(':');
    if (end != name.npos) name.resize(end);
    if (six) name.erase(0, 1);
    unsigned char bytes[16];
    if (inet_pton(six ? AF_INET6 : AF_INET, name.c_str(), bytes) == 1) return true;
    char mine[256] = "";
    gethostname(mine, sizeof mine - 1);
    return fold(name) == "localhost" || fold(name) == fold(mine);
}

std::string address_url(const std::string& address) {
    return "https://" + (address.find(':') == address.npos ? address : "[" + address + "]") + "/";
}

http::Response html(int status, std::string body) {
    http::Response response{status, std::move(body), "text/html; charset=utf-8", {}, {}};
    response.headers = {{"Content-Security-Policy", content_policy()},
                        // Browsers then name the page that sends a form; no other site is told of this one.
                        {"Referrer-Policy", "same-origin"},
                        {"X-Frame-Options", "DENY"},
                        {"Permissions-Policy", "camera=(), geolocation=(), microphone=()"}};
    return response;
}

}  // namespace

/// A request while it is answered.
struct Service::Asked {
    Then then;
    /// Once the answer goes on line by line.
    std::shared_ptr<http::Pieces> pieces;
    bool answered = false, ended = false;
    std::string form;
};

Service::Service(app::Lone& daemon)
    : daemon_(daemon),
      socket_(environment("MDS_CLAIM_ROOT", "/run/mds/claim.sock")),
      rate_(k_per_second, k_burst),
      farewell_(daemon.io()) {
    std::string folder = environment("CREDENTIALS_DIRECTORY", ".");
    server_ = std::make_unique<http::Server>(
        daemon.io(), listening_socket(), folder + "/certificate.pem", folder + "/key.pem", limits(),
        [this](http::Request request, const Then& then) { answer(std::move(request), then); });
    server_->start();
    daemon.on_stop([this] { server_->stop(); });
    daemon.ready("This server is not set up; the claim code opens the questions");
}

std::string Service::refuse_form(const http::Request& request) {
    if (!request.content_type.starts_with("application/x-www-form-urlencoded")) return "This is not a form of this page.";
    bool here = request.origin.empty() ? request.fetch_site == "same-origin" : request.origin == "https://" + request.host;
    return here ? "" : "This form does not come from a page of this server.";
}

void Service::answer(http::Request request, Then then) {
    crypto::WipeAtEnd wipe_body(request.body);
    if (!rate_.allow(request.remote_address, mono_ms())) {
        http::Response slower = html(429, notice_page("Too many requests from this address", "Wait a second."));
        slower.headers.emplace_back("Retry-After", "1");
        return then(std::move(slower));
    }
    if (!is_this_server(request.host)) {
        return then(html(400, notice_page("Use the address", "Open this page by the address of this server, " +
                                                                 address_url(request.local_address))));
    }
    if (request.target.starts_with("/web_api")) {
        return then({503, R"({"code":"err_not_set_up","message":"This server is not set up: mds-setup"})"});
    }
    if (request.target != "/") return then(html(404, notice_page("There is no such page", "This server is not set up.")));
    bool post = request.method == "POST";
    if (!post && request.method != "GET" && request.method != "HEAD") {
        http::Response other = html(405, notice_page("This is not done here", "This server is not set up."));
        other.headers.emplace_back("Allow", "GET, HEAD, POST");
        return then(std::move(other));
    }
    json::object question{{"do", "look"},
                          {"from", request.remote_address},
                          {"session", http::cookie_value(request.cookie, k_cookie)}};
    if (post) {
        std::string wrong = refuse_form(request);
        auto fields = http::parse_form(request.body);
        if (wrong.empty() && !fields) wrong = "This is not a form of this page.";
        if (!wrong.empty()) return then(html(403, notice_page("Not accepted", wrong)));
        json::object answers;
        for (auto& [name, value] : *fields) {
            if (name == "do" || name == "form" || name == "code") {
                question[name] = value;
            } else {
                answers[name] = value;
            }
            crypto::wipe(value);
        }
        question["fields"] = std::move(answers);
    }
    ask(std::move(question), std::move(then));
}

void Service::ask(json::object question, Then then) {
    auto asked = std::make_shared<Asked>();
    asked->then = std::move(then);
    RootSide::ask(
        daemon_.io(), socket_, question,
        [this, asked](RootSide& side, const json::object& line) {
            if (!asked->answered) return first_line(*asked, line);
            if (json::get_bool(line, "port")) {
                server_->close_door();
                port_given_up_ = true;
                side.confirm();
            }
            more_lines(*asked, line);
        },
        [this, asked] { end(*asked); });
}

void Service::first_line(Asked& asked, const json::object& reply) {
    asked.answered = true;
    http::Response response = html(200, page(reply));
    std::string session = json::get_string(reply, "session");
    if (!session.empty()) {
        response.headers.emplace_back("Set-Cookie", std::string(k_cookie) + "=" + session +
                                                        "; Path=/; Secure; HttpOnly; SameSite=Strict");
    }
    if (json::get_string(reply, "page") == "applying") {
        asked.form = json::get_string(reply, "form");
        asked.pieces = response.pieces = std::make_shared<http::Pieces>();
    }
    asked.then(std::move(response));
}

void Service::more_lines(Asked& asked, const json::object& line) {
    if (!asked.pieces) return;
    std::string end = json::get_string(line, "end");
    if (const json::value* text = json::find(line, "line"); text && text->is_string()) {
        asked.pieces->write(progress_line(std::string(std::string_view(text->get_string()))));
    }
    if (end.empty()) return;
    asked.ended = true;
    asked.pieces->write(end == "done" ? progress_done() : progress_failed(asked.form));
}

void Service::end(Asked& asked) {
    if (!asked.answered) {
        asked.answered = true;
        return asked.then(html(503, notice_page("Not now", "The part of first-time setup that answers does not run. "
                                                           "On this server: systemctl status mds-firstboot-claim.service")));
    }
    if (!asked.pieces) return;
    // It goes on without us: a reload finds it again.
    if (!asked.ended) asked.pieces->write(progress_lost());
    asked.pieces->end();
    farewell_.expires_after(k_farewell);
    farewell_.async_wait([this, pieces = asked.pieces](boost::system::error_code error) {
        // Without a port there is nothing more to do.
        if (!error && port_given_up_) daemon_.io().stop();
    });
}

}  // namespace mds::claim
