#include "recovery.hh"

#include <unistd.h>

#include <iostream>
#include <iterator>

#include "base/error.hh"
#include "base/text.hh"
#include "bus/blob.hh"
#include "bus/connection.hh"
#include "crypto/secret.hh"
#include "dialog.hh"
#include "face_plain.hh"
#include "log.hh"
#include "pki/recovery_key.hh"

namespace mds::firstboot {
namespace {

constexpr const char* k_ca = "org.openmds.Ca1";

/// One call of mds-ca.
template <class Call>
void with_authority(Call call) {
    try {
        auto bus = sdbus::createSystemBusConnection();
        auto ca = sdbus::createProxy(*bus, bus::ServiceName(k_ca), sdbus::ObjectPath("/org/openmds/Ca1"));
        call(*ca);
    } catch (const sdbus::Error& e) {
        throw bus::from_bus_error(e);
    }
}

}  // namespace

bool new_recovery_key() {
    with_authority([](sdbus::IProxy& ca) {
        auto state = ca.getProperty("State").onInterface(k_ca).get<std::string>();
        if (state == "ready") return;
        throw std::move(Error(Code::ha_invalid, state == "replica" ? "the authority is on the Primary; this is a replica"
                                                                   : "this server is no authority: " + state))
            .refusal("", "mds-setup --recovery-key on the Primary");
    });
    Answers answers;
    answers.answer("role", "primary");
    HostFacts host;
    Dialog dialog(answers, host);
    if (!PlainFace(stdin, stdout, false).run(dialog, *find_question("recovery_words"))) {
        std::puts("Nothing was changed.");
        return false;
    }
    with_authority([&](sdbus::IProxy& ca) {
        ca.callMethod("SetRecovery").onInterface(k_ca).withArguments(answers.get("recovery_words"));
    });
    log_line("a new offline recovery key was made");
    std::puts("Every key of the authority is sealed for this recovery key now. An earlier one opens nothing any more.");
    return true;
}

void make_recovery_key(const std::string& certificate_file) {
    pki::RecoveryKey key = pki::RecoveryKey::make();
    replace_file(certificate_file, key.certificate().pem(), 0644);
    std::puts(join(key.words(), " ").c_str());
    std::fprintf(stderr, "Write these words down; they are stored nowhere. The certificate is in %s.\n",
                 certificate_file.c_str());
}

void recover_authority() {
    if (isatty(STDIN_FILENO)) {
        std::puts("Type the sixteen words of the recovery key, in one or more lines, and then an empty line.");
    }
    std::string words;
    crypto::WipeAtEnd wipe(words);
    for (std::string line; std::getline(std::cin, line) && !(isatty(STDIN_FILENO) && trim(line).empty());) {
        words += line + " ";
        crypto::wipe(line);
    }
    uint32_t opened = 0;
    with_authority([&](sdbus::IProxy& ca) {
        bus::Blob blob = bus::pack_secret(words);
        ca.callMethod("Recover").onInterface(k_ca).withArguments(blob.bytes, blob.fds).storeResultsTo(opened);
    });
    log_line("the keys of the authority were opened with the recovery key");
    std::printf("%u keys of the authority are open and sealed for this server again.\n", opened);
}

}  // namespace mds::firstboot
