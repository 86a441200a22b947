#include "dialog.hh"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "answers_file.hh"
#include "base/ids.hh"
#include "base/join_string.hh"
#include "base/roles.hh"
#include "base/text.hh"
#include "wrap.hh"

namespace mds::firstboot {
namespace {

/// Questions that answer the question `id` as well, in other forms.
std::vector<const char*> forms(const std::string& id) {
    if (id == "password") return {"password", "password_hash", "password_file"};
    if (id == "activation_key") return {"activation_key", "activation_key_file"};
    if (id == "recovery") return {"recovery", "recovery_certificate_file"};
    return {};
}

const Answers::Value* value_of(const Answers& answers, const Question& question) {
    std::vector<const char*> ids = forms(question.id);
    if (ids.empty()) ids = {question.id};
    for (const char* id : ids) {
        auto it = answers.values().find(id);
        if (it != answers.values().end()) return &it->second;
    }
    return nullptr;
}

/// Of a line of the summary, on every face.
constexpr size_t k_remark_width = 68;

/// With blanks to so many characters of UTF-8.
std::string padded(const std::string& text, size_t width) {
    auto count = static_cast<size_t>(std::count_if(
        text.begin(), text.end(), [](unsigned char c) { return (c & 0xC0) != 0x80; }));
    return text + std::string(count < width ? width - count : 0, ' ');
}

}  // namespace

std::string shown_value(const Question& question, const std::string& value) {
    if (question.secret) return "***";
    if (question.asked_only) return "written down";
    if (std::string(question.id) == "role") return role_title(value);
    if (std::string(question.id) == "recovery") return value == "create" ? "Make one now" : "None now";
    std::string text = value;  // files may hold anything
    std::erase_if(text, [](unsigned char c) { return c < 0x20 || c == 0x7f; });
    return text;
}

std::vector<std::string> effects(const Answers& answers) {
    bool primary = answers.role_bit() == k_primary;
    std::vector<std::string> lines = {
        std::string("Files    /var/lib/mds/system, trust, crl, ") + (primary ? "ca, " : "") + "setup.json, setup.log"};
    if (!time_server_list(answers.get("time_servers")).empty()) {
        lines.emplace_back("         time servers: " + k_timesyncd_file + ",");
        lines.emplace_back("         or " + k_chrony_file);
    }
    lines.insert(lines.end(),
                 {"Units    mds.target enabled and started: mds-core, mds-sync,",
                  "         mds-ca, mds-sic, mds-api, mds-crl, mds-helper, and",
                  "         mds-domain@ for each Domain Server",
                  "Users    none; mds and those of its services came with the package",
                  "Ports    443 (management API), 18221 (synchronization),",
                  std::string("         18264 (revocation lists)") +
                      (primary ? "" : ", 18211 while it waits for the Primary"),
                  "Time     about 10 s"});
    return lines;
}

Dialog::Dialog(Answers& answers, const HostFacts& host, Answers earlier, Probe probe)
    : answers_(answers), host_(host), earlier_(std::move(earlier)), probe_(std::move(probe)) {
    for (const Question& question : questions()) {
        if (value_of(answers, question)) given_.emplace_back(question.id);
    }
}

std::vector<Dialog::Screen> Dialog::screens_of(unsigned role) const {
    std::vector<Screen> found;
    const Question* before = nullptr;
    for (const Question& question : questions()) {
        if (!*question.title || (role ? !(question.roles & role) : question.roles != k_all))
            continue;
        const Question* previous = std::exchange(before, &question);
        if (std::find(given_.begin(), given_.end(), question.id) != given_.end()) continue;
        if (question.asked_only && answers_.get("recovery") != "create") continue;
        if (*question.title == '+' && !found.empty() && found.back().back() == previous) {
            found.back().push_back(&question);
        } else {
            found.push_back({&question});
        }
    }
    return found;
}

std::vector<Dialog::Screen> Dialog::screens() const {
    return screens_of(answers_.role_bit());
}

size_t Dialog::steps(const std::vector<Screen>& screens, size_t end) {
    return static_cast<size_t>(std::count_if(screens.begin(), screens.begin() + static_cast<long>(end),
                                             [](const Screen& one) { return *one[0]->title != '&'; }));
}

std::string Dialog::progress(size_t screen) const {
    std::vector<Screen> mine = screens();
    bool more = screen < mine.size() && *mine[screen][0]->title == '&';
    std::string text = "step " + std::to_string(steps(mine, screen) + (more ? 0 : 1)) + " of ";
    if (answers_.role_bit()) return text + std::to_string(steps(mine, mine.size()) + 1);
    size_t least = SIZE_MAX, most = 0;
    for (unsigned role : {k_primary, k_secondary, k_log}) {
        std::vector<Screen> its = screens_of(role);
        least = std::min(least, steps(its, its.size()));
        most = std::max(most, steps(its, its.size()));
    }
    return text + std::to_string(least + 1) +
           (least == most ? "" : " to " + std::to_string(most + 1));
}

std::vector<Dialog::Choice> Dialog::choices(const Question& question) const {
    std::vector<Choice> found;
    for (const FixedChoice* one : fixed_choices(question)) {
        found.push_back({one->value, shown_value(question, one->value), one->what, one->more});
    }
    if (std::string(question.id) == "address") {
        for (const HostFacts::Address& one : host_.addresses) {
            std::string where = one.address + " on " + one.interface;
            found.push_back({one.address, where + (one.link ? ", link up" : ", no link"), "", ""});
        }
    }
    return found;
}

std::string Dialog::suggestion(const Question& question) const {
    if (question.secret || question.asked_only) return "";
    for (const Answers* one : std::initializer_list<const Answers*>{&answers_, &earlier_}) {
        std::string text = one->get(question.id);
        if (!text.empty() && refuse(question, text).empty()) return text;
    }
    return default_value(question, host_, answers_);
}

const pki::RecoveryKey& Dialog::recovery_key() const {
    if (!recovery_key_) {
        recovery_key_ = pki::RecoveryKey::make();
        // One of each third: whoever has written down half of it is found out.
        std::string random = random_bytes(wanted_words_.size());
        constexpr std::array<size_t, 4> k_parts{0, 5, 10, pki::RecoveryKey::k_words};
        for (size_t i = 0; i < wanted_words_.size(); ++i) {
            wanted_words_[i] = k_parts[i] + static_cast<unsigned char>(random[i]) % (k_parts[i + 1] - k_parts[i]);
        }
    }
    return *recovery_key_;
}

std::string Dialog::text(const Question& question) const {
    if (!question.asked_only) return question.text;
    recovery_key();
    return std::string(question.text) + " " + std::to_string(wanted_words_[0] + 1) + ", " +
           std::to_string(wanted_words_[1] + 1) + " and " + std::to_string(wanted_words_[2] + 1) +
           " of them, as a proof that they are written down";
}

std::vector<std::string> Dialog::shown(const Question& question) const {
    std::vector<std::string> lines;
    if (!question.asked_only) return lines;
    const std::vector<std::string>& words = recovery_key().words();
    constexpr size_t k_rows = pki::RecoveryKey::k_words / 4;
    for (size_t row = 0; row < k_rows; ++row) {
        std::string line;
        for (size_t i = row; i < words.size(); i += k_rows) {
            std::string number = std::to_string(i + 1);
            line += padded(std::string(number.size() == 1 ? " " : "") + number + " " + words[i], 18);
        }
        lines.push_back(line.substr(0, line.find_last_not_of(' ') + 1));
    }
    return lines;
}

std::string Dialog::refuse_words(const std::string& text) const {
    std::string typed = fold(text);
    for (char& c : typed) {
        if (c < 'a' || c > 'z') c = ' ';
    }
    std::vector<std::string> words;
    for (const std::string& one : split(typed, ' ')) {
        if (!one.empty()) words.push_back(one);
    }
    bool same = words.size() == wanted_words_.size();
    for (size_t i = 0; same && i < words.size(); ++i) same = words[i] == recovery_key().words()[wanted_words_[i]];
    return same ? "" : "Not accepted: these are not the three words. Look at what you have written down.";
}

std::string Dialog::refuse(const Question& question, const std::string& text) const {
    if (question.asked_only) return refuse_words(text);
    std::string wrong = text.empty() && !question.secret ? "an answer is needed"
                                                         : check_value(question.id, text, answers_);
    if (wrong.empty() && std::string(question.id) == "address" &&
        std::none_of(host_.addresses.begin(), host_.addresses.end(),
                     [&](const HostFacts::Address& one) { return one.address == text; })) {
        wrong = text + " is not an address of this host";
    }
    return wrong.empty() ? "" : "Not accepted: " + wrong + ".";
}

Finding Dialog::store(const Question& question, const std::string& text) {
    Finding found;
    if (probe_) found = probe_(question, text, answers_);
    if (!found.refusal.empty()) {
        found.refusal = "Not accepted: " + found.refusal + (found.refusal.back() == '?' ? "" : ".");
        return found;
    }
    remarks_[question.id] = found.remark;
    bool is_here = question.standard[0] == '@' && fixed_choices(question).empty() &&
                   text == default_value(question, host_, answers_);
    answers_.answer(question.id, question.asked_only ? recovery_key().certificate().pem() : text,
                    is_here                     ? "found on this host"
                    : text == question.standard ? "default"
                                                : "answer");
    if (std::string(question.id) == "recovery" && text != "create") answers_.forget("recovery_words");
    if (std::string(question.id) != "role") return found;
    // Somebody who goes back and takes another role: what only the other one needs is not kept.
    for (const Question& other : questions()) {
        bool given = std::find(given_.begin(), given_.end(), other.id) != given_.end();
        if (!given && !(other.roles & answers_.role_bit())) answers_.forget(other.id);
    }
    return found;
}

bool Dialog::is_typed_twice(const Question& question, const std::string& text) {
    return question.secret && !JoinString::looks_like(text);
}

std::string Dialog::secret_name(const Question& question) {
    return std::string(question.id) == "password" ? "Password" : "Activation key";
}

std::vector<std::string> Dialog::summary() const {
    std::vector<std::string> lines;
    for (const Question& question : questions()) {
        if (!*question.title || question.asked_only || !(question.roles & answers_.role_bit())) continue;
        const Answers::Value* value = value_of(answers_, question);
        if (!value) continue;
        lines.push_back(padded(title(question), 20) +
                        padded(shown_value(question, value->text), 30) + "  (" + value->source +
                        ")");
        auto remark = remarks_.find(question.id);
        if (remark == remarks_.end()) continue;
        for (const std::string& line : wrapped(remark->second, k_remark_width)) {
            if (!line.empty()) lines.push_back("  " + line);
        }
    }
    lines.emplace_back();
    for (const std::string& line : effects(answers_)) lines.push_back(line);
    return lines;
}

std::string Dialog::file() const {
    return answers_file(answers_);
}

}  // namespace mds::firstboot
