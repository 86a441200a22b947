#include "face_web.hh"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <map>

#include "base/error.hh"
#include "base/ids.hh"
#include "base/printable.hh"
#include "base/text.hh"
#include "crypto/secret.hh"
#include "log.hh"

namespace mds::firstboot {
namespace {

constexpr size_t k_token_bytes = 32;
/// Longer than any answer, also when it is wrong.
constexpr size_t k_longest = 1024;
/// Somebody at a console waits no longer for a browser that says nothing.
constexpr int64_t k_silence_ms = 15 * 60'000;

}  // namespace

/// What is known of the browser that has given the code. Secrets that were typed stay here.
struct WebFace::Session {
    enum class Stage { role, form, words, plan };

    Session(const Around& around, std::string the_code, const std::string& from_address)
        : code(std::move(the_code)),
          from(from_address),
          host(around.facts()),
          turn(around.run_folder, "a browser at " + from_address) {
        around.collect(answers);
        given = answers;
        Answers earlier;
        if (access(around.draft_file.c_str(), R_OK) == 0) earlier.read_ini_file(around.draft_file);
        dialog.emplace(answers, host, std::move(earlier),
                       [this, &around](const Question& question, const std::string& text, const Answers& others) {
                           return around.probe(host, question, text, others);
                       });
        asks_role = !answers.role_bit();
        go_to(Stage::role);
    }

    std::vector<const Question*> questions() const {
        std::vector<const Question*> found;
        for (const Dialog::Screen& screen : dialog->screens()) {
            for (const Question* one : screen) {
                bool role = std::string(one->id) == "role";
                Stage its = role ? Stage::role : one->asked_only ? Stage::words : Stage::form;
                if (its == stage) found.push_back(one);
            }
        }
        return found;
    }
    /// To this stage, or the first one after it that asks something.
    void go_to(Stage wanted) {
        stage = wanted;
        problems.clear();
        remarks.clear();
        typed.clear();
        while (stage != Stage::plan && questions().empty()) stage = static_cast<Stage>(static_cast<int>(stage) + 1);
    }

    /// The code it was given for: with another one it ends.
    std::string code, from;
    std::string token = base64url(random_bytes(k_token_bytes)), form = base64url(random_bytes(k_token_bytes));
    HostFacts host;
    Answers answers, given;
    Turn turn;
    std::optional<Dialog> dialog;
    bool asks_role = false;
    Stage stage = Stage::role;
    /// By question id, of what was sent last; in `typed` no secret.
    std::map<std::string, std::string> problems, remarks, typed;
    int64_t heard_ms = 0;
};

WebFace::WebFace(ClaimCode& code, Around around) : code_(code), around_(std::move(around)) {}
WebFace::~WebFace() = default;

json::object WebFace::answer(const json::object& request, int64_t now_ms) {
    try {
        return dispatch(request, now_ms);
    } catch (const std::exception& e) {
        std::fprintf(stderr, "claim page: %s\n", e.what());
        return page("busy", "This did not work. Look at the journal of mds-firstboot-claim.service.");
    }
}

bool WebFace::is_session(const json::object& request) const {
    return session_ && crypto::equal(json::get_string(request, "session"), session_->token);
}

json::object WebFace::dispatch(const json::object& request, int64_t now_ms) {
    if (session_ && !applying_ && session_->code != code_.code()) session_.reset();
    std::string act = json::get_string(request, "do");
    if (act == "claim") {
        json::object reply = claim(request);
        if (session_) session_->heard_ms = now_ms;
        return reply;
    }
    if (!is_session(request)) {
        return everybody(json::get_string(request, "session").empty()
                             ? ""
                             : "This session has ended. Type the claim code again.");
    }
    session_->heard_ms = now_ms;
    if (act == "look") return current();
    if (!crypto::equal(json::get_string(request, "form"), session_->form)) {
        return current("This form is an old one. Nothing was changed; please send this one.");
    }
    if (applying_) return current();
    if (act == "leave") return leave();
    if (!session_->turn.take()) return current();
    if (act == "back") {
        session_->go_to(session_->stage == Session::Stage::form ? Session::Stage::role : Session::Stage::form);
        return current();
    }
    if (act == "answer") return take(json::get_object(request, "fields"));
    if (act == "apply" && session_->stage == Session::Stage::plan) return start_applying();
    return current();
}

json::object WebFace::claim(const json::object& request) {
    std::string typed = json::get_string(request, "code");
    if (trim(typed).empty()) return everybody("Type the claim code.");
    std::string from = printable(json::get_string(request, "from"), 45);
    switch (code_.attempt(typed)) {
        case ClaimCode::Answer::right: break;
        case ClaimCode::Answer::wrong:
            std::fprintf(stderr, "a wrong claim code from %s; tries left: %d\n", from.c_str(), code_.tries_left());
            return everybody("This is not the claim code.");
        case ClaimCode::Answer::closed: return everybody("This code is not accepted.");
    }
    if (applying_) return everybody();
    std::fprintf(stderr, "the claim code was given by a browser at %s\n", from.c_str());
    log_line("the claim code was given by a browser at " + from);
    session_ = std::make_unique<Session>(around_, code_.code(), from);
    json::object reply = current();
    reply["session"] = session_->token;
    return reply;
}

json::object WebFace::page(const std::string& name, const std::string& problem) const {
    json::object reply{{"page", name}, {"host", around_.facts().host_name}, {"consoles", around_.consoles}};
    if (!problem.empty()) reply["problem"] = problem;
    return reply;
}

json::object WebFace::everybody(const std::string& problem) const {
    if (access(around_.done_file.c_str(), F_OK) == 0) return page("done");
    if (applying_) return page("busy", "This server is being set up.");
    int left = code_.tries_left();
    json::object reply = page(left ? "claim" : "closed", problem);
    reply["tries"] = left;
    return reply;
}

json::object WebFace::current(const std::string& problem) {
    if (!session_) return everybody(problem);
    if (applying_) {
        json::object reply = page("applying");
        reply["form"] = session_->form;
        return reply;
    }
    if (access(around_.done_file.c_str(), F_OK) == 0) return page("done");
    std::string holder = session_->turn.other();
    if (!holder.empty()) return page("busy", "First-time setup is being answered on " + holder + ".");
    const Dialog& dialog = *session_->dialog;
    bool plan = session_->stage == Session::Stage::plan;
    json::object reply = page(plan ? "plan" : "questions", problem);
    reply["form"] = session_->form;
    reply["back"] = session_->stage > Session::Stage::form ||
                    (session_->stage == Session::Stage::form && session_->asks_role);
    json::array lines, fields, given;
    for (const Problem& one : session_->given.problems()) given.push_back(json::value(one.where + ": " + one.text));
    reply["given"] = std::move(given);
    if (plan) {
        for (const std::string& line : dialog.summary()) lines.push_back(json::value(line));
        reply["plan"] = std::move(lines);
        return reply;
    }
    for (const Question* one : session_->questions()) fields.push_back(field(*one));
    reply["fields"] = std::move(fields);
    return reply;
}

json::object WebFace::field(const Question& question) const {
    const Dialog& dialog = *session_->dialog;
    const std::string id = question.id;
    auto said = [&id](const std::map<std::string, std::string>& of) {
        auto it = of.find(id);
        return it == of.end() ? std::string() : it->second;
    };
    json::array choices, shown;
    for (const Dialog::Choice& one : dialog.choices(question)) {
        choices.push_back(json::object{{"value", one.value}, {"name", one.name}, {"what", one.what}, {"more", one.more}});
    }
    for (const std::string& line : dialog.shown(question)) shown.push_back(json::value(line));
    std::string typed = said(session_->typed);
    return {{"id", id},
            {"title", title(question)},
            {"text", dialog.text(question)},
            {"help", question.help},
            {"secret", question.secret},
            // In radio buttons all of them stand; a list of addresses may be one.
            {"fixed", !fixed_choices(question).empty()},
            {"name", question.secret ? Dialog::secret_name(question) : ""},
            // The page may say that it is here, not what it is.
            {"kept", question.secret && session_->answers.has(id) && said(session_->problems).empty()},
            {"value", typed.empty() ? dialog.suggestion(question) : typed},
            {"problem", said(session_->problems)},
            {"remark", said(session_->remarks)},
            {"choices", std::move(choices)},
            {"shown", std::move(shown)}};
}

bool WebFace::take_one(const Question& question, const json::object& fields) {
    Session& session = *session_;
    Dialog& dialog = *session.dialog;
    const std::string id = question.id;
    std::string text = json::get_string(fields, id), again = json::get_string(fields, id + "-again");
    crypto::WipeAtEnd wipe_text(text), wipe_again(again);
    if (text.size() > k_longest) text.resize(k_longest);
    if (question.secret) {
        // Typed before, and in this form left as it is.
        if (text.empty() && again.empty() && session.answers.has(id)) text = again = session.answers.get(id);
    } else {
        text = trim(printable(text));
        if (!question.asked_only) session.typed[id] = text;
    }
    std::string wrong = dialog.refuse(question, text);
    if (wrong.empty() && Dialog::is_typed_twice(question, text) && text != again) wrong = Dialog::k_differ;
    if (wrong.empty()) {
        Finding found = dialog.store(question, text);
        wrong = found.refusal;
        if (!found.remark.empty()) session.remarks[id] = found.remark;
    }
    if (wrong.empty()) return true;
    if (question.secret) session.answers.forget(id);
    session.problems[id] = wrong;
    return false;
}

json::object WebFace::take(const json::object& fields) {
    Session& session = *session_;
    session.problems.clear();
    session.remarks.clear();
    bool good = true;
    // All of them, so that all that is wrong is told at once (P7).
    for (const Question* one : session.questions()) good = take_one(*one, fields) && good;
    if (good && session.stage != Session::Stage::plan) {
        session.go_to(static_cast<Session::Stage>(static_cast<int>(session.stage) + 1));
    }
    return current();
}

json::object WebFace::start_applying() {
    Answers complete = session_->answers;
    complete.resolve(session_->host, false);
    if (complete.problems().empty()) around_.probe_all(session_->host, complete, &session_->given);
    if (!complete.problems().empty()) {
        std::string all;
        for (const Problem& one : complete.problems()) {
            all += (all.empty() ? "" : " ") + one.refusal + (one.refusal.empty() ? "" : " ") + one.where + ": " + one.text + ".";
        }
        return current("Nothing was changed. " + all);
    }
    applying_ = true;
    around_.apply(complete, session_->host);
    return current();
}

void WebFace::ended(bool done) {
    applying_ = false;
    if (done) {
        session_.reset();
        unlink(around_.draft_file.c_str());
    }
}

json::object WebFace::leave() {
    std::string draft = session_->dialog->file();
    bool any = !session_->answers.values().empty();
    session_.reset();
    if (any) replace_file(around_.draft_file, draft, 0600);
    return page("left");
}

void WebFace::look_at_clock(int64_t now_ms) {
    if (session_ && !applying_ && now_ms - session_->heard_ms > k_silence_ms) session_->turn.give_back();
}

}  // namespace mds::firstboot
