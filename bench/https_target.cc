// The management API over HTTPS, as a program calls it: keep-alive, one request after the other.
#include <netdb.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <stdexcept>
#include <thread>

#include "json/json.hh"
#include "target.hh"

namespace mds::bench {
namespace {

int connected(const std::string& host, const std::string& port) {
    addrinfo* found = nullptr;
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    if (getaddrinfo(host.c_str(), port.c_str(), &hints, &found) != 0) {
        throw std::runtime_error("unknown host " + host);
    }
    int fd = socket(found->ai_family, SOCK_STREAM, 0);
    bool good = ::connect(fd, found->ai_addr, found->ai_addrlen) == 0;
    freeaddrinfo(found);
    if (!good) throw std::runtime_error("no connection to " + host);
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
}

class Https : public Session {
  public:
    explicit Https(const std::vector<std::string>& a) {
        context_ = SSL_CTX_new(TLS_client_method());
        host_ = a.at(0);
        port_ = a.at(1);
        connect();
        json::object reply = call("login", {{"user", a.at(2)},
                                            {"password", a.at(3)},
                                            {"domain", a.at(4)},
                                            {"session-timeout", 3600}});
        sid_ = json::get_string(reply, "sid");
    }
    ~Https() override {
        try {
            call("logout", {});
        } catch (const std::exception&) {
        }
        disconnect();
        SSL_CTX_free(context_);
    }
    void add(const std::string& name, const std::string& address) override {
        post("add-host", "{\"name\":\"" + name + "\",\"ip-address\":\"" + address + "\"}");
    }
    void add_many(const std::string& prefix, uint64_t first, uint64_t count,
                  uint64_t base) override {
        std::string body = R"({"objects":[{"type":"host","list":[)";
        for (uint64_t i = first; i < first + count; ++i) {
            if (i > first) body += ',';
            body += "{\"name\":\"" + prefix + std::to_string(i) + "\",\"ip-address\":\"" +
                    address_of(base + i) + "\"}";
        }
        wait(json::parse_object(post("add-objects-batch", body + "]}]}")));
    }
    void publish() override { wait(call("publish", {})); }
    size_t read(const std::string& name) override {
        return post("show-host", "{\"name\":\"" + name + "\"}").size();
    }
    bool has(const std::string& name) override {
        return exchange("show-host", "{\"name\":\"" + name + "\"}").first == "200";
    }
    size_t page(uint64_t offset) override {
        return post("show-hosts", "{\"limit\":500,\"details-level\":\"full\",\"offset\":" +
                                      std::to_string(offset) + "}")
            .size();
    }
    uint64_t search(const std::string& word) override {
        json::object reply = json::parse_object(
            post("show-objects", R"({"type":"host","limit":50,"filter":")" + word + "\"}"));
        return static_cast<uint64_t>(json::get_int(reply, "total"));
    }
    void add_rule(const std::string& name, uint64_t place) override {
        post("add-access-rule", R"({"layer":"Network","position":)" +
                                    (place ? std::to_string(place) : "\"bottom\"") +
                                    ",\"name\":\"" + name + "\",\"action\":\"Accept\"}");
    }
    size_t rule_page(uint64_t offset) override {
        return post("show-access-rulebase",
                    R"({"name":"Network","limit":500,"details-level":"full","offset":)" +
                        std::to_string(offset) + "}")
            .size();
    }
    uint64_t rule_search(const std::string& word) override {
        json::object reply = json::parse_object(post(
            "show-access-rulebase", R"({"name":"Network","limit":50,"filter":")" + word + "\"}"));
        return static_cast<uint64_t>(json::get_int(reply, "total"));
    }

  private:
    void disconnect() {
        SSL_free(ssl_);
        close(fd_);
    }
    void connect() {
        fd_ = connected(host_, port_);
        ssl_ = SSL_new(context_);
        SSL_set_fd(ssl_, fd_);
        if (SSL_connect(ssl_) != 1) throw std::runtime_error("no TLS");
        last_ = Clock::now();
    }
    void wait(const json::object& reply) {
        std::string id = json::get_string(reply, "task-id");
        for (;;) {
            json::object shown = call("show-task", {{"task-id", id}, {"details-level", "full"}});
            const json::object& task = shown.at("tasks").as_array().at(0).as_object();
            std::string status = json::get_string(task, "status");
            if (status == "succeeded") return;
            if (status != "in progress")
                throw std::runtime_error("task failed: " + json::text(task));
        }
    }
    json::object call(const std::string& command, const json::object& body) {
        return json::parse_object(post(command, json::text(body)));
    }
    std::string post(const std::string& command, const std::string& body) {
        auto [status, answer] = exchange(command, body);
        if (status != "200") throw std::runtime_error(answer);
        return answer;
    }
    /// Status and body of the answer.
    std::pair<std::string, std::string> exchange(const std::string& command,
                                                 const std::string& body) {
        std::string request = "POST /web_api/" + command +
                              " HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                              "Content-Length: " +
                              std::to_string(body.size()) + "\r\n";
        if (!sid_.empty()) request += "X-chkp-sid: " + sid_ + "\r\n";
        request += "\r\n" + body;
        // The server closes connections on which nothing comes for ten seconds.
        if (Clock::now() - last_ > std::chrono::seconds(5)) {
            disconnect();
            connect();
        }
        if (SSL_write(ssl_, request.data(), static_cast<int>(request.size())) <= 0) {
            throw std::runtime_error("connection lost");
        }
        std::string answer;
        size_t head = std::string::npos, length = 0;
        char buffer[65536];
        while (head == std::string::npos || answer.size() < head + length) {
            int n = SSL_read(ssl_, buffer, sizeof buffer);
            if (n <= 0) throw std::runtime_error("connection lost");
            answer.append(buffer, static_cast<size_t>(n));
            if (head != std::string::npos) continue;
            size_t end = answer.find("\r\n\r\n");
            if (end == std::string::npos) continue;
            head = end + 4;
            size_t at = answer.find("Content-Length: ");
            length = std::strtoull(answer.c_str() + at + 16, nullptr, 10);
        }
        last_ = Clock::now();
        return {answer.substr(9, 3), answer.substr(head)};
    }

    using Clock = std::chrono::steady_clock;
    std::string host_, port_;
    Clock::time_point last_;
    int fd_ = -1;
    SSL_CTX* context_ = nullptr;
    SSL* ssl_ = nullptr;
    std::string sid_;
};

}  // namespace

void https_visit(const std::vector<std::string>& arguments, bool resume) {
    static SSL_CTX* const s_context = SSL_CTX_new(TLS_client_method());
    static SSL_SESSION* s_known = nullptr;
    SSL_CTX_set_session_cache_mode(s_context, SSL_SESS_CACHE_CLIENT);
    SSL* ssl = SSL_new(s_context);
    int fd = connected(arguments.at(0), arguments.at(1));
    SSL_set_fd(ssl, fd);
    if (resume && s_known) SSL_set_session(ssl, s_known);
    const std::string request = "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    char buffer[4096];
    if (SSL_connect(ssl) != 1 ||
        SSL_write(ssl, request.data(), static_cast<int>(request.size())) <= 0 ||
        SSL_read(ssl, buffer, sizeof buffer) <= 0) {
        throw std::runtime_error("no answer over TLS");
    }
    if (resume && s_known && !SSL_session_reused(ssl)) {
        throw std::runtime_error("the handshake was not resumed");
    }
    if (resume) {
        SSL_SESSION_free(s_known);
        s_known = SSL_get1_session(ssl);
    }
    SSL_shutdown(ssl);
    SSL_free(ssl);
    close(fd);
}

std::unique_ptr<Session> https_session(const std::vector<std::string>& arguments) {
    return std::make_unique<Https>(arguments);
}

}  // namespace mds::bench
