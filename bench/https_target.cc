// The management API over HTTPS, as a program calls it: keep-alive, one request after the other.
#include <netdb.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <stdexcept>
#include <thread>

#include "json/json.hh"
#include "target.hh"

namespace mds::bench {
namespace {

class Https : public Session {
  public:
    explicit Https(const std::vector<std::string>& a) {
        connect(a.at(0), a.at(1));
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
        SSL_free(ssl_);
        SSL_CTX_free(context_);
        close(fd_);
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

  private:
    void connect(const std::string& host, const std::string& port) {
        addrinfo* found = nullptr;
        addrinfo hints{};
        hints.ai_socktype = SOCK_STREAM;
        if (getaddrinfo(host.c_str(), port.c_str(), &hints, &found) != 0) {
            throw std::runtime_error("unknown host " + host);
        }
        fd_ = socket(found->ai_family, SOCK_STREAM, 0);
        if (::connect(fd_, found->ai_addr, found->ai_addrlen) != 0) {
            throw std::runtime_error("no connection to " + host);
        }
        freeaddrinfo(found);
        int on = 1;
        setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        context_ = SSL_CTX_new(TLS_client_method());
        ssl_ = SSL_new(context_);
        SSL_set_fd(ssl_, fd_);
        if (SSL_connect(ssl_) != 1) throw std::runtime_error("no TLS");
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
        std::string request = "POST /web_api/" + command +
                              " HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                              "Content-Length: " +
                              std::to_string(body.size()) + "\r\n";
        if (!sid_.empty()) request += "X-chkp-sid: " + sid_ + "\r\n";
        request += "\r\n" + body;
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
        if (answer.compare(9, 3, "200") != 0) throw std::runtime_error(answer.substr(head));
        return answer.substr(head);
    }

    int fd_ = -1;
    SSL_CTX* context_ = nullptr;
    SSL* ssl_ = nullptr;
    std::string sid_;
};

}  // namespace

std::unique_ptr<Session> https_session(const std::vector<std::string>& arguments) {
    return std::make_unique<Https>(arguments);
}

}  // namespace mds::bench
