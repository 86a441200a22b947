// Asking a management server, as "mds-gateway/1" on the port of mds-sync.
#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>
#include <optional>

#include "base/clock.hh"
#include "base/error.hh"
#include "base/text.hh"
#include "enrol/credentials.hh"
#include "gateway.hh"
#include "pki/key.hh"
#include "pki/verify.hh"
#include "wire/frame.hh"
#include "wire/tls.hh"

namespace mds::gateway {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using Stream = asio::ssl::stream<tcp::socket>;

constexpr auto k_patience = std::chrono::seconds(10);
constexpr size_t k_largest = 256u << 20;

/// Runs one step to its end, or until nothing has happened for too long.
template <class Start>
void step(asio::io_context& io, Stream& stream, const std::string& where, Start start) {
    boost::system::error_code error = asio::error::would_block;
    start([&](const boost::system::error_code& e, auto&&...) { error = e; });
    io.restart();
    io.run_for(k_patience);
    if (!io.stopped()) {
        boost::system::error_code ignored;
        stream.next_layer().close(ignored);
        io.run();
        throw Error(Code::timed_out, where + " does not answer");
    }
    if (error) throw Error(Code::unreachable, where + ": " + error.message());
}

}  // namespace

Answer ask(const State& state, const std::string& address, uint16_t port, const json::object& request) {
    enrol::Credentials credentials(state.trust());
    if (!credentials.present()) {
        throw Error(Code::not_set_up, "this gateway has no trust with its management servers yet")
            .refusal("", "mds-gateway trust");
    }
    auto file = [&](const char* name) { return read_file(state.trust() + "/" + name); };
    pki::Certificate own = pki::Certificate::from_pem(file("identity.pem"));
    pki::Key key = pki::Key::from_pem(file("identity.key"));
    pki::Expectation server;
    server.deployment = json::get_string(credentials.deployment(), "id");
    server.scope = "servers";
    server.kind = "server";
    server.usage = pki::Usage::tls_server;
    server.anchors = pki::Certificate::list_from_pem(file("root.pem"));
    server.intermediates = pki::Certificate::list_from_pem(file("chain.pem"));
    server.crls = pki::Crl::list_from_pem(file("crl.pem"));

    asio::ssl::context tls(asio::ssl::context::tlsv13_client);
    SSL_CTX* ctx = tls.native_handle();
    SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION);
    std::string protocol = static_cast<char>(wire::k_gateway_protocol.size()) + std::string(wire::k_gateway_protocol);
    if (SSL_CTX_use_certificate(ctx, own.get()) != 1 || SSL_CTX_use_PrivateKey(ctx, key.get()) != 1 ||
        SSL_CTX_set_alpn_protos(ctx, reinterpret_cast<const unsigned char*>(protocol.data()),
                                static_cast<unsigned>(protocol.size())) != 0) {
        throw Error(Code::not_set_up, "the certificate of this gateway is of no use");
    }
    for (const pki::Certificate& authority : server.intermediates) SSL_CTX_add1_chain_cert(ctx, authority.get());
    // Checked after the handshake, by name and against the Servers CA alone.
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, nullptr);
    SSL_CTX_set_cert_verify_callback(ctx, [](X509_STORE_CTX*, void*) { return 1; }, nullptr);

    const std::string where = address + " port " + std::to_string(port);
    asio::io_context io;
    Stream stream(io, tls);
    boost::system::error_code bad;
    auto targets = tcp::resolver(io).resolve(address, std::to_string(port), bad);
    if (bad) throw Error(Code::unreachable, where + ": " + bad.message());
    step(io, stream, where, [&](auto then) { asio::async_connect(stream.next_layer(), targets, then); });
    step(io, stream, where, [&](auto then) { stream.async_handshake(Stream::client, then); });
    Answer answer;
    X509* shown = SSL_get0_peer_certificate(stream.native_handle());
    if (!shown) throw Error(Code::forbidden, where + " shows no certificate");
    answer.server_name = pki::verify(pki::Certificate::share(shown), server).name;

    wire::Frame hello;
    hello.type = wire::Type::hello;
    hello.payload = json::text(request);
    std::string bytes;
    wire::append(bytes, hello);
    step(io, stream, where, [&](auto then) { asio::async_write(stream, asio::buffer(bytes), then); });
    wire::FrameReader reader;
    std::string text;
    std::array<char, 65536> chunk;
    for (;;) {
        while (auto frame = reader.next()) {
            if (frame->type == wire::Type::refused) {
                throw Error(Code::forbidden,
                            where + ": " + json::get_string(json::parse_object(frame->payload), "reason"));
            }
            text += frame->payload;
            if (text.size() > k_largest) throw Error(Code::unreachable, where + " sends too much");
            if (frame->flags & wire::k_flag_more) continue;
            answer.body = json::parse_object(text);
            if (const json::value* code = json::find(answer.body, "code")) {
                throw Error(code_from_word(std::string(code->as_string())),
                            answer.server_name + ": " + json::get_string(answer.body, "message"));
            }
            return answer;
        }
        size_t count = 0;
        step(io, stream, where, [&](auto then) {
            stream.async_read_some(asio::buffer(chunk), [&count, then](const boost::system::error_code& e, size_t n) {
                count = n;
                then(e);
            });
        });
        reader.feed({chunk.data(), count});
    }
}

bool renewal_is_due(const State& state) {
    auto own = pki::Certificate::from_pem(read_file(state.trust() + "/identity.pem"));
    return wall_ms() > own.not_before() + (own.not_after() - own.not_before()) / 4 * 3;
}

void renew(const State& state, const std::vector<std::string>& servers, uint16_t port) {
    enrol::Credentials credentials(state.trust());
    json::object deployment = credentials.deployment();
    std::optional<Error> problem;
    for (const std::string& server : servers) {
        try {
            // Keys of an earlier try are replaced; those in use stay until the new ones are certified.
            std::string csr = credentials.prepare(state.name(), json::get_string(deployment, "uuid")).identity;
            json::object got =
                ask(state, server, port, {{"protocol", 1}, {"request", "renew-certificate"}, {"csr", csr}}).body;
            enrol::Issued issued;
            issued.identity_cert_pem = json::get_string(got, "certificate");
            issued.chain_pem = json::get_string(got, "chain");
            issued.root_pem = json::get_string(got, "root");
            issued.crl_pem = json::get_string(got, "crl");
            issued.scope = json::get_string(deployment, "scope");
            issued.deployment_id = json::get_string(deployment, "id");
            issued.deployment_name = json::get_string(deployment, "name");
            return credentials.install(issued);
        } catch (const Error& e) {
            if (!problem) problem = e;
        }
    }
    throw problem ? *problem : Error(Code::not_set_up, "no management server is known");
}

}  // namespace mds::gateway
