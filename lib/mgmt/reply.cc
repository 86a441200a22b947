#include <atomic>
#include <functional>

#include "base/clock.hh"
#include "log/messages.hh"
#include "mgmt/call.hh"

namespace mds::mgmt {
namespace {

json::array lines(const std::vector<std::string>& texts) {
    json::array out;
    for (const std::string& text : texts) {
        out.push_back(json::object{{"message", text}, {"current-session", true}});
    }
    return out;
}

/// Every refusal of a command passes here, whoever made it; clients try again and again.
void tell_disk_full(const std::string& message) {
    constexpr int64_t k_again_ms = 60'000;
    static std::atomic<int64_t> told_ms{-k_again_ms};
    int64_t now = mono_ms(), before = told_ms;
    if (now - before < k_again_ms || !told_ms.compare_exchange_strong(before, now)) return;
    log::event(log::message::disk_full, "a command was refused: " + message);
}

}  // namespace

Reply ok_reply(const json::object& body) {
    return {200, json::text(body)};
}

Reply error_reply(const Error& error) {
    if (error.code() == Code::disk_full) tell_disk_full(error.message());
    json::object body;
    body["code"] = json::value(code_word(error.code()));
    body["message"] = error.message();
    if (!error.warnings().empty()) body["warnings"] = lines(error.warnings());
    if (!error.errors().empty()) body["errors"] = lines(error.errors());
    if (!error.refusal_id().empty() || !error.next().empty()) {
        // Not every refusal is one of the catalogue; what helps is told all the same.
        json::object refusal{{"next", error.next()}};
        if (!error.refusal_id().empty()) refusal["id"] = error.refusal_id();
        body["refusal"] = std::move(refusal);
    }
    return {http_status(error.code()), json::text(body)};
}

Reply guarded(const std::function<json::object()>& f) {
    try {
        return ok_reply(f());
    } catch (const Error& error) {
        return error_reply(error);
    } catch (const std::exception& error) {
        return error_reply(Error(Code::internal, std::string("Internal error: ") + error.what()));
    }
}

}  // namespace mds::mgmt
