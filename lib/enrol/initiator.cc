#include "enrol/initiator.hh"

#include "base/error.hh"
#include "base/ids.hh"
#include "crypto/hash.hh"
#include "crypto/secret.hh"
#include "crypto/spake2.hh"
#include "enrol/channel.hh"
#include "pki/certificate.hh"
#include "pki/request.hh"

namespace mds::enrol {
namespace {

/// Steps 4 and 5: both ends prove that they know the key and see the same connection.
void prove_key(Line& line, const InitiatorParams& params, const std::string& salt,
               const std::string& hello_mine, const std::string& hello_theirs) {
    std::string scalar = params.scalar(params.key, salt);
    crypto::WipeAtEnd wipe_scalar(scalar);
    crypto::Spake2 spake(crypto::Spake2::Side::a, k_initiator, k_responder, scalar);
    line.send(Frame::share, spake.share());
    std::string share = line.receive(Frame::share, k_small_frame);
    spake.receive(share, line.binding() + crypto::sha256(hello_mine + hello_theirs));
    line.send(Frame::confirm, spake.confirmation());
    if (!spake.confirm(line.receive(Frame::confirm, k_small_frame))) {
        throw Error(Code::login_failed,
                    "The activation keys do not match: the other end does not know this key");
    }
}

Requests receive_requests(Line& line, const Hello& theirs) {
    json::object o = json::parse_object(line.receive(Frame::csr, k_large_frame));
    Requests requests{json::get_string(o, "identity"), json::get_string(o, "sealing")};
    for (const std::string& pem : {requests.identity, requests.sealing}) {
        pki::Request request = pki::Request::from_pem(pem);
        if (request.uuid() != theirs.uuid) {
            throw Error(Code::forbidden, "The certificate request is for another server");
        }
    }
    return requests;
}

}  // namespace

InitiatorResult connect(const InitiatorParams& params) {
    Channel channel = Channel::connect(params.address, params.port, params.timeout_ms);
    return connect(channel, params);
}

InitiatorResult connect(Line& line, const InitiatorParams& params) {
    std::string hello_mine = json::text(params.self.to_json());
    line.send(Frame::hello, hello_mine);
    std::string hello_theirs = line.receive(Frame::hello, k_small_frame);
    json::object said = json::parse_object(hello_theirs);
    Hello theirs = Hello::from_json(said);
    auto salt = unhex(json::get_string(said, "salt"));
    if (!salt || salt->size() != 16) {
        throw Error(Code::unreachable, "The other end does not keep to mds-enrol/1");
    }
    judge(params.self, theirs, params.expected_name, params.expected_role);
    prove_key(line, params, *salt, hello_mine, hello_theirs);

    Requests requests = receive_requests(line, theirs);
    Issued issued;
    try {
        issued = params.issue(requests, theirs);
    } catch (const Error& e) {
        Refusal refusal;
        refusal.code = code_word(e.code());
        refusal.message = e.message();
        line.refuse(refusal);
        throw;
    }
    line.extend(params.timeout_ms);
    line.send(Frame::cert, json::object{{"identity", issued.identity_cert_pem},
                                           {"sealing", issued.sealing_cert_pem},
                                           {"chain", issued.chain_pem},
                                           {"root", issued.root_pem},
                                           {"crl", issued.crl_pem},
                                           {"scope", issued.scope},
                                           {"deployment", issued.deployment_id},
                                           {"deployment-name", issued.deployment_name},
                                           {"members", json::parse(issued.members_json)}});
    line.receive(Frame::done, k_small_frame);

    InitiatorResult result;
    result.peer = theirs;
    result.identity_cert_pem = issued.identity_cert_pem;
    result.sealing_cert_pem = issued.sealing_cert_pem;
    pki::Certificate identity = pki::Certificate::from_pem(issued.identity_cert_pem);
    result.identity_serial = identity.serial();
    result.fingerprint = hex(identity.fingerprint());
    if (!issued.of_gateway()) {
        result.sealing_serial = pki::Certificate::from_pem(issued.sealing_cert_pem).serial();
    }
    return result;
}

}  // namespace mds::enrol
