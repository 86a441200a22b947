// The only file of our clients that sees Beast; mds-setup asks a Primary by it, too.
#include "client/https.hh"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/x509.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl.hpp>

#include "base/error.hh"
#include "base/ids.hh"
#include "base/text.hh"
#include "crypto/openssl.hh"

namespace mds::client {
namespace asio = boost::asio;
namespace beast = boost::beast;
namespace bhttp = boost::beast::http;

struct Https::Impl {
    std::string host, port, proxy_host, proxy_port, user_agent = "mgmt_cli";
    int timeout_s = 0;
    std::function<bool(const std::string&)> accept;
    /// The fingerprint that was accepted; later connections must show it, too.
    std::string accepted;
    bool silent = false;
    asio::io_context io;
    asio::ssl::context tls{asio::ssl::context::tls_client};
    std::unique_ptr<beast::ssl_stream<beast::tcp_stream>> stream;
    beast::flat_buffer buffer;

    [[noreturn]] void fail(const boost::system::error_code& error) {
        stream.reset();
        throw Error(Code::unreachable, "no answer from " + host + " port " + port + ": " + error.message());
    }

    /// Runs one asynchronous step with the time limit, so that a silent server cannot hang us.
    template <class Start>
    boost::system::error_code step(Start start) {
        boost::system::error_code result = asio::error::timed_out;
        beast::get_lowest_layer(*stream).expires_after(std::chrono::seconds(timeout_s));
        start([&](boost::system::error_code error) { result = error; });
        io.restart();
        io.run();
        return result;
    }

    /// Asks the proxy for a way to the server.
    void pass_proxy() {
        bhttp::request<bhttp::empty_body> request{bhttp::verb::connect, host + ":" + port, 11};
        request.set(bhttp::field::host, host + ":" + port);
        bhttp::response_parser<bhttp::empty_body> parser;
        // What follows the head belongs to the server.
        parser.skip(true);
        auto& line = stream->next_layer();
        auto error = step([&](auto then) {
            bhttp::async_write(line, request, [then](boost::system::error_code e, size_t) { then(e); });
        });
        if (error) fail(error);
        error = step([&](auto then) {
            bhttp::async_read_header(line, buffer, parser, [then](boost::system::error_code e, size_t) { then(e); });
        });
        if (error) fail(error);
        buffer.clear();
        if (parser.get().result_int() == 200) return;
        stream.reset();
        throw Error(Code::unreachable, "the proxy " + proxy_host + " does not let " + host + " port " + port +
                                           " pass: HTTP " + std::to_string(parser.get().result_int()));
    }

    void connect() {
        asio::ip::tcp::resolver resolver(io);
        boost::system::error_code error;
        bool proxy = !proxy_host.empty();
        auto where = resolver.resolve(proxy ? proxy_host : host, proxy ? proxy_port : port, error);
        if (error) fail(error);
        stream = std::make_unique<beast::ssl_stream<beast::tcp_stream>>(io, tls);
        error = step([&](auto then) {
            beast::get_lowest_layer(*stream).async_connect(where,
                                                           [then](boost::system::error_code e, auto) { then(e); });
        });
        if (error) fail(error);
        beast::get_lowest_layer(*stream).socket().set_option(asio::ip::tcp::no_delay(true), error);
        if (proxy) pass_proxy();
        error = step([&](auto then) { stream->async_handshake(asio::ssl::stream_base::client, then); });
        if (error) fail(error);
        // A stream that was not accepted must not be there for the next request.
        auto unknown = std::move(stream);
        std::string print = fingerprint(unknown->native_handle());
        if (!accepted.empty() && print != accepted) {
            throw Error(Code::unreachable, "the certificate of " + host + " is another one than at the beginning: " +
                                               print + ", not " + accepted);
        }
        if (accepted.empty() && !accept(print)) {
            throw Error(Code::unreachable, "the certificate of " + host + " was not accepted");
        }
        accepted = std::move(print);
        stream = std::move(unknown);
    }

    /// SHA-1 of what the server has shown, upper-case hex.
    std::string fingerprint(SSL* session) const {
        crypto::Handle<X509, X509_free> certificate(SSL_get1_peer_certificate(session));
        unsigned char digest[EVP_MAX_MD_SIZE];
        unsigned size = 0;
        if (!certificate || X509_digest(certificate.get(), EVP_sha1(), digest, &size) != 1) {
            throw Error(Code::unreachable, host + " shows no certificate");
        }
        std::string text = hex({reinterpret_cast<char*>(digest), size});
        for (char& c : text) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
        return text;
    }

    boost::system::error_code exchange(bhttp::request<bhttp::string_body>& request,
                                       bhttp::response_parser<bhttp::string_body>& parser) {
        auto error = step([&](auto then) {
            bhttp::async_write(*stream, request, [then](boost::system::error_code e, size_t) { then(e); });
        });
        if (error) return error;
        return step([&](auto then) {
            bhttp::async_read(*stream, buffer, parser, [then](boost::system::error_code e, size_t) { then(e); });
        });
    }

    HttpReply send(bhttp::request<bhttp::string_body>& request) {
        request.set(bhttp::field::host, host);
        request.set(bhttp::field::user_agent, user_agent);
        request.keep_alive(true);
        request.prepare_payload();
        silent = true;
        for (int attempt = 1;; ++attempt) {
            bool fresh = !stream;
            if (fresh) connect();
            bhttp::response_parser<bhttp::string_body> parser;
            parser.body_limit(1u << 30);
            auto error = exchange(request, parser);
            if (!error) {
                HttpReply reply{static_cast<int>(parser.get().result_int()), parser.get().body()};
                if (!parser.get().keep_alive()) stream.reset();
                silent = false;
                return reply;
            }
            // A kept connection that the server has closed meanwhile: once anew. One that is silent, or whose answer
            // has begun, may be carrying out the order.
            bool closed = error != beast::error::timeout && !parser.got_some();
            stream.reset();
            buffer.clear();
            if (fresh || attempt > 1 || !closed) fail(error);
        }
    }
};

Https::Https(std::string host, std::string port, int timeout_s, std::function<bool(const std::string&)> accept)
    : impl_(std::make_unique<Impl>()) {
    impl_->host = std::move(host);
    impl_->port = std::move(port);
    impl_->timeout_s = timeout_s;
    impl_->accept = std::move(accept);
    impl_->tls.set_verify_mode(asio::ssl::verify_none);
}

Https::~Https() = default;

namespace {

using crypto::Handle;
using Bio = Handle<BIO, BIO_free_all>;

Bio bio_of(const std::string& text) {
    return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

/// For PEM keys; never asks at the terminal.
int give_password(char* to, int size, int, void* password) {
    const auto& text = *static_cast<const std::string*>(password);
    int length = std::min(size, static_cast<int>(text.size()));
    text.copy(to, static_cast<size_t>(length));
    return length;
}

}  // namespace

void Https::show_certificate(const std::string& file, const std::string& password) {
    std::string text = read_file(file);
    Handle<X509, X509_free> certificate;
    Handle<EVP_PKEY, EVP_PKEY_free> key;
    std::string why = "it is neither PKCS#12 nor PEM with a certificate and its key";
    Bio bio = bio_of(text);
    if (Handle<PKCS12, PKCS12_free> p12{d2i_PKCS12_bio(bio.get(), nullptr)}; p12) {
        X509* one = nullptr;
        EVP_PKEY* its = nullptr;
        if (PKCS12_parse(p12.get(), password.c_str(), &its, &one, nullptr) != 1) {
            why = "its password (-p) is wrong";
        }
        certificate.reset(one);
        key.reset(its);
    } else {
        certificate.reset(PEM_read_bio_X509(bio_of(text).get(), nullptr, nullptr, nullptr));
        key.reset(
            PEM_read_bio_PrivateKey(bio_of(text).get(), nullptr, give_password, const_cast<std::string*>(&password)));
    }
    SSL_CTX* context = impl_->tls.native_handle();
    bool good = certificate && key && SSL_CTX_use_certificate(context, certificate.get()) == 1 &&
                SSL_CTX_use_PrivateKey(context, key.get()) == 1;
    ERR_clear_error();
    if (!good) throw Error(Code::invalid_parameter, "the certificate " + file + " cannot be used: " + why);
}

void Https::use_proxy(const std::string& proxy) {
    std::string text = proxy.compare(0, 7, "http://") == 0 ? proxy.substr(7) : proxy;
    if (!text.empty() && text.back() == '/') text.pop_back();
    size_t colon = text.rfind(':');
    impl_->proxy_host = text.substr(0, colon);
    impl_->proxy_port = colon == std::string::npos ? "3128" : text.substr(colon + 1);
}

void Https::call_itself(const std::string& user_agent) {
    impl_->user_agent = user_agent;
}

HttpReply Https::post(const std::string& path, const std::string& sid, const std::string& body) {
    bhttp::request<bhttp::string_body> request{bhttp::verb::post, path, 11};
    request.set(bhttp::field::content_type, "application/json");
    if (!sid.empty()) request.set("X-chkp-sid", sid);
    request.body() = body;
    return impl_->send(request);
}

HttpReply Https::get(const std::string& path) {
    bhttp::request<bhttp::string_body> request{bhttp::verb::get, path, 11};
    return impl_->send(request);
}

bool Https::silent() const {
    return impl_->silent;
}

}  // namespace mds::client
