#include "dialog.hh"

#include <algorithm>
#include <utility>

#include "answers_file.hh"
#include "base/roles.hh"
#include "base/text.hh"

namespace mds::firstboot {
namespace {

/// Questions that answer the question `id` as well, in other forms.
std::vector<const char*> forms(const std::string& id) {
    if (id == "password") return {"password", "password_hash", "password_file"};
    if (id == "activation_key") return {"activation_key", "activation_key_file"};
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

/// With blanks to so many characters of UTF-8.
std::string padded(const std::string& text, size_t width) {
    auto count = static_cast<size_t>(std::count_if(
        text.begin(), text.end(), [](unsigned char c) { return (c & 0xC0) != 0x80; }));
    return text + std::string(count < width ? width - count : 0, ' ');
}

}  // namespace

std::string shown_value(const Question& question, const std::string& value) {
    if (question.secret) return "***";
    if (std::string(question.id) == "role") return role_title(value);
    std::string text = value;  // files may hold anything
    std::erase_if(text, [](unsigned char c) { return c < 0x20 || c == 0x7f; });
    return text;
}

std::vector<std::string> effects(const Answers& answers) {
    bool primary = answers.role_bit() == k_primary;
    return {std::string("Files    /var/lib/mds/system, trust, crl, ") + (primary ? "ca, " : "") +
                "setup.json",
            "Units    mds.target enabled and started",
            "Users    none; mds and those of its services came with the package",
            "Ports    443 (management API), 18221 (synchronization),",
            std::string("         18264 (revocation lists)") +
                (primary ? "" : ", 18211 while it waits for the Primary"),
            "Time     about 10 s"};
}

Dialog::Dialog(Answers& answers, const HostFacts& host, Answers earlier)
    : answers_(answers), host_(host), earlier_(std::move(earlier)) {
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

std::string Dialog::progress(size_t screen) const {
    std::string text = "step " + std::to_string(screen + 1) + " of ";
    if (answers_.role_bit()) return text + std::to_string(screens().size() + 1);
    size_t least = screens_of(k_secondary).size(), most = least;
    for (unsigned role : {k_primary, k_log}) {
        least = std::min(least, screens_of(role).size());
        most = std::max(most, screens_of(role).size());
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
            found.push_back({one.address, where + (one.link ? "" : ", no link"), "", ""});
        }
    }
    return found;
}

std::string Dialog::suggestion(const Question& question) const {
    if (question.secret) return "";
    for (const Answers* one : std::initializer_list<const Answers*>{&answers_, &earlier_}) {
        std::string text = one->get(question.id);
        if (!text.empty() && refuse(question, text).empty()) return text;
    }
    return default_value(question, host_, answers_);
}

std::string Dialog::refuse(const Question& question, const std::string& text) const {
    std::string wrong = text.empty() && !question.secret ? "an answer is needed"
                                                         : check_value(question.id, text, answers_);
    if (wrong.empty() && std::string(question.id) == "address" &&
        std::none_of(host_.addresses.begin(), host_.addresses.end(),
                     [&](const HostFacts::Address& one) { return one.address == text; })) {
        wrong = text + " is not an address of this host";
    }
    return wrong.empty() ? "" : "Not accepted: " + wrong + ".";
}

void Dialog::store(const Question& question, const std::string& text) {
    bool found = question.standard[0] == '@' && text == default_value(question, host_, answers_);
    answers_.answer(question.id, text,
                    found                       ? "found on this host"
                    : text == question.standard ? "default"
                                                : "answer");
    if (std::string(question.id) != "role") return;
    // Somebody who goes back and takes another role: what only the other one needs is not kept.
    for (const Question& other : questions()) {
        bool given = std::find(given_.begin(), given_.end(), other.id) != given_.end();
        if (!given && !(other.roles & answers_.role_bit())) answers_.forget(other.id);
    }
}

std::string Dialog::secret_name(const Question& question) {
    return std::string(question.id) == "password" ? "Password" : "Activation key";
}

std::vector<std::string> Dialog::summary() const {
    std::vector<std::string> lines;
    for (const Question& question : questions()) {
        if (!*question.title || !(question.roles & answers_.role_bit())) continue;
        const Answers::Value* value = value_of(answers_, question);
        if (!value) continue;
        lines.push_back(padded(title(question), 20) +
                        padded(shown_value(question, value->text), 30) + "  (" + value->source +
                        ")");
    }
    lines.emplace_back();
    for (const std::string& line : effects(answers_)) lines.push_back(line);
    return lines;
}

std::string Dialog::file() const {
    return answers_file(answers_);
}

}  // namespace mds::firstboot
