#include "second_factor.hh"

#include <fmt/core.h>

#include <algorithm>
#include <cctype>

#include "administrators.hh"
#include "base/clock.hh"
#include "base/text.hh"
#include "crypto/hash.hh"
#include "crypto/totp.hh"
#include "service.hh"

namespace mds::core {
namespace {

constexpr size_t k_recovery_codes = 10, k_digits = 6;

/// 50 bits, as people copy them: "ABCDE-FGH23".
std::string new_recovery_code() {
    std::string all = crypto::new_totp_secret();
    return all.substr(0, 5) + "-" + all.substr(5, 5);
}

std::string recovery_hash(const std::string& code) {
    std::string plain;
    for (char c : code) {
        if (c != '-' && c != ' ') plain += static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    }
    return hex(crypto::sha256(plain));
}

/// RFC 3986 section 2.1.
std::string percent_encoded(const std::string& text) {
    std::string out;
    for (char c : text) {
        auto byte = static_cast<unsigned char>(c);
        if (std::isalnum(byte) || c == '-' || c == '.' || c == '_' || c == '~') {
            out += c;
        } else {
            out += fmt::format("%{:02X}", byte);
        }
    }
    return out;
}

}  // namespace

std::optional<SecondFactor> SecondFactor::of(const json::object& administrator) {
    const json::object& totp = json::get_object(json::get_object(administrator, "credentials"), "totp");
    std::string secret = json::get_string(totp, "secret");
    if (secret.empty()) return std::nullopt;
    return SecondFactor{secret, json::get_array(totp, "recovery")};
}

bool SecondFactor::take_recovery(const std::string& code) {
    std::string hash = recovery_hash(code);
    auto it = std::find_if(recovery.begin(), recovery.end(),
                           [&](const json::value& v) { return v.is_string() && v.as_string() == hash; });
    if (it == recovery.end()) return false;
    recovery.erase(it);
    return true;
}

GivenCode GivenCode::split(const std::string& password, const std::string& code) {
    if (!code.empty()) return {password, code};
    size_t from = password.size() > k_digits ? password.size() - k_digits : password.size();
    std::string last = password.substr(from);
    bool digits = std::all_of(last.begin(), last.end(), [](unsigned char c) { return std::isdigit(c) != 0; });
    if (last.empty() || !digits) return {password, ""};
    return {password.substr(0, from), last};
}

int64_t UsedCodes::last(const Uid& administrator) const {
    auto s = work_.sql("SELECT step FROM used_code WHERE administrator=?");
    s.bind(1, administrator.text());
    return s.executeStep() ? s.getColumn(0).getInt64() : 0;
}

void UsedCodes::use(const Uid& administrator, int64_t step) {
    auto s = work_.sql("INSERT INTO used_code VALUES(?1,?2) ON CONFLICT(administrator) DO UPDATE SET step=max(step,?2)");
    s.bind(1, administrator.text());
    s.bind(2, step);
    s.exec();
}

std::string Service::check_code(const Uid& administrator, const std::string& code) {
    std::optional<SecondFactor> factor;
    system().workspace().inspect([&](mgmt::Call& call) {
        if (auto view = call.get(administrator)) factor = SecondFactor::of(view->document);
    });
    // Taken away a moment ago: another login tells.
    if (!factor) return "";
    UsedCodes used(system().workspace().work());
    if (auto step = crypto::totp_step(factor->secret, code, wall_ms(), used.last(administrator))) {
        used.use(administrator, *step);
        for (const MdsRow& m : all_mdss()) {
            if (m.uid == identity_->uid || m.log_server()) continue;
            request(m.uid, {{"op", "code-used"}, {"administrator", administrator.text()}, {"step", *step}},
                    [](const mgmt::Reply&) {});
        }
        return "password and one-time code";
    }
    if (!factor->take_recovery(code)) return "";
    system().workspace().transact({"system", "login", "recovery code used", ""}, [&](mgmt::Call& call) {
        auto view = call.get(administrator);
        auto now = view ? SecondFactor::of(view->document) : std::nullopt;
        if (!now || !now->take_recovery(code)) throw Error(Code::login_failed, "the recovery code was used");
        put_credential(call, *view, "totp", now->to_json());
    });
    return "password and recovery code";
}

void Service::code_used_elsewhere(const json::object& message) {
    auto administrator = Uid::parse(json::get_string(message, "administrator"));
    int64_t step = json::get_int(message, "step");
    // Who has a wrong clock must not keep an administrator out for long.
    if (!administrator || step > wall_ms() / 30'000 + 1) {
        throw Error(Code::invalid_parameter, "not a code that can have been used");
    }
    UsedCodes(system().workspace().work()).use(*administrator, step);
}

void Service::register_second_factor_commands() {
    mgmt::Workspace& w = system_->workspace();
    mgmt::CommandFlags admins;
    admins.write = true;
    admins.system_only = true;
    admins.permission = "manage-admins";
    admins.description = "Gives an administrator one-time codes beside the password, by a secret and recovery codes "
                         "that are shown once; valid after publish";
    w.add_command("add-administrator-totp", [this](mgmt::Call& call) {
        call.only({"admin-uid", "admin-name"});
        mgmt::View view = named_administrator(call);
        if (json::get_string(view.document, "authentication-method") != "check point password") {
            throw Error(Code::invalid_parameter,
                        "Invalid parameter for [admin-name]. The administrator '" + view.name +
                            "' does not log in with a password.");
        }
        SecondFactor factor{crypto::new_totp_secret(), {}};
        json::array shown;
        for (size_t i = 0; i < k_recovery_codes; ++i) {
            std::string code = new_recovery_code();
            factor.recovery.push_back(json::value(recovery_hash(code)));
            shown.push_back(json::value(code));
        }
        put_credential(call, view, "totp", factor.to_json());
        std::string issuer = percent_encoded(identity_->deployment_name);
        return json::object{{"secret", factor.secret},
                            {"uri", fmt::format("otpauth://totp/{}:{}?secret={}&issuer={}", issuer,
                                                percent_encoded(view.name), factor.secret, issuer)},
                            {"recovery-codes", std::move(shown)}};
    }, admins);
    admins.description = "Takes the one-time codes of an administrator away; the password alone is enough again";
    w.add_command("delete-administrator-totp", [](mgmt::Call& call) {
        call.only({"admin-uid", "admin-name"});
        mgmt::View view = named_administrator(call);
        if (!SecondFactor::of(view.document)) {
            throw Error(Code::object_not_found, "The administrator '" + view.name + "' has no one-time codes");
        }
        put_credential(call, view, "totp", nullptr);
        return json::object{{"message", "OK"}};
    }, admins);
    admins.write = false;
    admins.description = "Whether an administrator has one-time codes, and how many recovery codes are left";
    w.add_command("show-administrator-totp", [](mgmt::Call& call) {
        call.only({"admin-uid", "admin-name"});
        mgmt::View view = named_administrator(call);
        auto factor = SecondFactor::of(view.document);
        return json::object{{"enabled", factor.has_value()},
                            {"recovery-codes-left", factor ? factor->recovery.size() : 0}};
    }, admins);
}

}  // namespace mds::core
