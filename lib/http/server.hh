#pragma once
#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mds::http {

/// One request as the handler sees it; header names do not matter by case.
struct Request {
    std::string method, target, body;
    std::string sid;         ///< X-chkp-sid
    std::string user_agent;
    std::string if_none_match;
    /// DER of the certificate whose key the client proved to have in the handshake; empty = none. Who issued
    /// it, its dates and revocation are the handler's matter.
    std::string client_certificate;
    /// What a browser says of the page that asks: Host, Origin, Sec-Fetch-Site.
    std::string host, origin, fetch_site;
    std::string content_type, cookie;
    std::string remote_address, local_address;
    uint16_t local_port = 0;
};

/// The rest of a body, piece by piece as it comes to be known. Whoever makes it keeps it until it has ended:
/// a body whose Pieces are gone is cut off. Any thread.
class Pieces {
  public:
    void write(std::string_view text);
    /// Nothing more comes.
    void end();

    /// For the connection: `news` is called once for what has come since take(), at once when that is something.
    void listen(std::function<void()> news);
    /// What has come; `ended`: it is the last of it.
    std::string take(bool& ended);

  private:
    void tell(std::unique_lock<std::mutex> lock);
    std::mutex lock_;
    std::string waiting_;
    bool ended_ = false;
    std::function<void()> news_;
};

struct Response {
    int status = 200;
    std::string body;
    std::string content_type = "application/json";
    /// Beside those that every response has, or instead of them.
    std::vector<std::pair<std::string, std::string>> headers = {};
    /// What follows `body`, in chunks; the connection ends with it.
    std::shared_ptr<Pieces> pieces = {};
};

/// Answers a request; may do so later, exactly once.
using Handler = std::function<void(Request, std::function<void(Response)>)>;

struct Limits {
    size_t body_bytes = 16u << 20;
    size_t header_bytes = 32u << 10;
    /// A handshake, and a whole header, within this time; a connection without a request for
    /// `idle_s` is closed.
    int header_s = 10, idle_s = 10, body_s = 60;
    size_t connections = 1000;
    /// Of one address; 0 = as many as there may be.
    size_t connections_per_address = 0;
    /// New ones of one address (IPv6: /64) per second; those beyond are closed. 0 = as many as come.
    int handshakes_per_second = 0;
    /// TLS 1.2 too (ECDHE and AEAD suites), for clients that have no 1.3 (K-12).
    bool tls_1_2 = false;
    /// Threads for TLS, handshakes and records, or for framing alone.
    int threads = 2;
};

/// The handler runs on the loop of `io`; TLS and framing on threads of the server's own.
/// HTTP/1.1 with TLS 1.3 (and 1.2 where that is allowed), or plain; keep-alive, bodies with Content-Length; HEAD is answered as GET
/// would be, without the body. Clients that handshake and
/// leave are served quietly; one that dribbles holds nothing but its own connection. Every error is
/// JSON {code, message}.
class Server {
  public:
    /// `listen_fd` is taken over. Throws mds::Error for a certificate that cannot be used.
    Server(boost::asio::io_context& io, int listen_fd, const std::string& certificate_file,
           const std::string& key_file, Limits limits, Handler handler);
    /// Without TLS: for what is public and signed by itself.
    Server(boost::asio::io_context& io, int listen_fd, Limits limits, Handler handler);
    ~Server();
    void start();
    /// From now on new connections ask their client for a certificate of these authorities (PEM), which it may
    /// leave out; empty: they do not ask. Loop thread.
    void ask_for_certificates(const std::string& authorities_pem);
    /// Gives the port up; connections go on. Loop thread.
    void close_door();
    void stop();
    size_t connections() const;
    uint64_t requests() const;

    struct Impl;

  private:
    std::shared_ptr<Impl> impl_;
};

/// A listening socket on ADDRESS:PORT. Throws mds::Error with the reason.
int listen_on(const std::string& address, uint16_t port);

/// Makes a P-256 key and a self-signed certificate for these names and addresses, when the files
/// are not there; keeps them otherwise (clients remember fingerprints).
void ensure_certificate(const std::string& certificate_file, const std::string& key_file,
                        const std::string& host_name);
/// Upper-case hexadecimal digest of the certificate: 40 digits for SHA-1, 64 for SHA-256.
std::string fingerprint(const std::string& certificate_file, bool sha256);

}  // namespace mds::http
