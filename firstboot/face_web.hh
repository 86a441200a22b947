#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "answers.hh"
#include "claim_code.hh"
#include "dialog.hh"
#include "json/json.hh"
#include "turn.hh"

namespace mds::firstboot {

/// The questions for people with a browser: requests and what the page is to show, as JSON (mds-claim makes HTML
/// of it). It has no socket. Whoever gives the claim code gets a session; there is one at a time, the last one. It
/// ends with the code, with this process and by "leave". Without a session every request is answered by what
/// everybody may see, and changes nothing but the count of tries.
class WebFace {
  public:
    /// What it needs of the program around it.
    struct Around {
        /// Where the turn lies, where answers of somebody who leaves are kept, and what says that it is done.
        std::string run_folder, draft_file, done_file;
        /// Where the questions stand too.
        std::string consoles;
        /// What files and credentials answer.
        std::function<void(Answers&)> collect;
        std::function<HostFacts()> facts;
        std::function<Finding(const HostFacts&, const Question&, const std::string&, const Answers&)> probe;
        /// The same for what is in `given` and was not asked, as problems of `complete`.
        std::function<void(const HostFacts&, Answers& complete, const Answers* given)> probe_all;
        /// Begins to set up, elsewhere; ended() is called when that has ended.
        std::function<void(const Answers&, const HostFacts&)> apply;
    };

    WebFace(ClaimCode& code, Around around);
    ~WebFace();

    /// The members of a request: "do" (look, claim, answer, back, leave, apply), "session" and "form", which
    /// belong together, "code", "from" (the address of the browser) and "fields". The reply says "page":
    /// claim, closed, busy, questions, plan, applying, left or done. Never throws; never says a secret that
    /// was typed.
    json::object answer(const json::object& request, int64_t now_ms);
    /// What was begun by apply() has ended.
    void ended(bool done);
    /// Gives the turn back when the browser has been silent for long: nobody else sees that it is closed.
    void look_at_clock(int64_t now_ms);

  private:
    struct Session;
    json::object dispatch(const json::object& request, int64_t now_ms);
    bool is_session(const json::object& request) const;
    json::object claim(const json::object& request);
    json::object take(const json::object& fields);
    /// Whether this answer is one and is kept.
    bool take_one(const Question& question, const json::object& fields);
    json::object start_applying();
    json::object leave();
    json::object page(const std::string& name, const std::string& problem = "") const;
    /// What a session shows now; without one, what everybody sees.
    json::object current(const std::string& problem = "");
    json::object everybody(const std::string& problem = "") const;
    json::object field(const Question& question) const;

    ClaimCode& code_;
    Around around_;
    std::unique_ptr<Session> session_;
    bool applying_ = false;
};

}  // namespace mds::firstboot
