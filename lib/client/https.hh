#pragma once
#include <functional>
#include <memory>
#include <string>

namespace mds::client {

struct HttpReply {
    int status = 0;
    std::string body;
};

/// One kept connection to a management server. The server is known by its certificate's
/// fingerprint, not by a chain.
class Https {
  public:
    /// `accept` is asked once for the SHA-1 fingerprint (upper-case hex); false ends the connection
    /// with mds::Error(unreachable), and so does another fingerprint when it connects again.
    Https(std::string host, std::string port, int timeout_s, std::function<bool(const std::string&)> accept);
    ~Https();
    /// Shows this certificate to servers that ask for one: a file with its key, PKCS#12 (`password` opens it) or
    /// PEM. Throws mds::Error(invalid_parameter) when it cannot be used.
    void show_certificate(const std::string& file, const std::string& password);
    /// Goes through this proxy ("host:port", 3128 without a port), which must let the port of the server pass
    /// (CONNECT).
    void use_proxy(const std::string& proxy);
    /// What the server's records call this program.
    void call_itself(const std::string& user_agent);
    /// Throws mds::Error(unreachable) when the server does not answer.
    HttpReply post(const std::string& path, const std::string& sid, const std::string& body);
    HttpReply get(const std::string& path);
    /// The last request got no answer.
    bool silent() const;

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace mds::client
