#pragma once
#include <array>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "answers.hh"
#include "pki/recovery_key.hh"
#include "probes.hh"

namespace mds::firstboot {

/// That the questions stand in a browser too: in short, and with how to make sure that it is this server.
struct Invitation {
    std::string line, text;
};

/// What every face shares: which questions are open and on which screens, what can be chosen, the
/// checks and their messages, the summary. A face only presents it. Without a terminal.
class Dialog {
  public:
    /// `elsewhere`: another terminal has the turn now.
    enum class End { apply, leave, elsewhere };
    struct Choice {
        std::string value, name, what, more;
    };
    using Screen = std::vector<const Question*>;
    static constexpr const char* k_welcome = "First-time setup";
    static constexpr const char* k_differ =
        "The two differ. Nothing was stored. Please type both again.";

    /// `earlier`: answers of a run that was left, suggested instead of the defaults. What `answers`
    /// holds now came from files and options, and is not asked.
    /// `probe` looks at the network; without it nobody does.
    Dialog(Answers& answers, const HostFacts& host, Answers earlier = {}, Probe probe = {});

    /// Open questions in their order; those of a role once it is known.
    std::vector<Screen> screens() const;
    /// "step 3 of 5" of the screen with this index (the summary is the last); "step 1 of 5 to 7"
    /// before the role is known.
    std::string progress(size_t screen) const;
    std::vector<Choice> choices(const Question& question) const;
    std::string suggestion(const Question& question) const;
    /// Why this is no answer to the question, as a sentence; empty when it is one.
    std::string refuse(const Question& question, const std::string& text) const;
    /// Looks at an answer that was not refused, which may take seconds, and keeps it unless that finds a
    /// refusal. Both texts are sentences.
    Finding store(const Question& question, const std::string& text);
    /// The question as it is asked now.
    std::string text(const Question& question) const;
    /// Lines to show above the question, for people to keep.
    std::vector<std::string> shown(const Question& question) const;
    /// Whether this secret is typed a second time.
    static bool is_typed_twice(const Question& question, const std::string& text);
    /// "Activation key", for the second time it is typed.
    static std::string secret_name(const Question& question);

    /// A line for every answer with its source, and for everything that will be done.
    std::vector<std::string> summary() const;
    /// The answers as a file, without secrets.
    std::string file() const;

    const Answers& answers() const { return answers_; }

    /// Shown by the faces at consoles; nothing without it.
    void invite(Invitation invitation) { invitation_ = std::move(invitation); }
    const Invitation& invitation() const { return invitation_; }

  private:
    std::vector<Screen> screens_of(unsigned role) const;
    static size_t steps(const std::vector<Screen>& screens, size_t end);
    std::string refuse_words(const std::string& text) const;
    const pki::RecoveryKey& recovery_key() const;

    Answers& answers_;
    const HostFacts& host_;
    Answers earlier_;
    Probe probe_;
    Invitation invitation_;
    std::vector<std::string> given_;
    /// Made when it is first shown.
    mutable std::optional<pki::RecoveryKey> recovery_key_;
    /// The words of it that are typed back, counted from 0, in ascending order.
    mutable std::array<size_t, 3> wanted_words_{};
    /// By question id, in words.
    std::map<std::string, std::string> remarks_;
};

/// What setting up with these answers does to the host, one line each.
std::vector<std::string> effects(const Answers& answers);
/// "***" for secrets, otherwise the value as people read it.
std::string shown_value(const Question& question, const std::string& value);

}  // namespace mds::firstboot
