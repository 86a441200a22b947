#include "answers_file.hh"

#include <functional>

#include "base/roles.hh"

namespace mds::firstboot {
namespace {

/// The keys in sections; `entry` makes the lines of a key, or nothing.
std::string sections(const std::function<std::string(const Question&, const std::string&)>& entry) {
    std::string text, section;
    for (const Question& question : questions()) {
        std::string key = question.key;
        if (key.empty()) continue;
        std::string head = key.substr(0, key.find('.'));
        std::string lines = entry(question, key.substr(head.size() + 1));
        if (lines.empty()) continue;
        if (head != section) text += "\n[" + (section = head) + "]\n";
        text += lines;
    }
    return text;
}

}  // namespace

std::string answers_template() {
    return "# Answers for mds-setup(8). Put this file in place as /etc/mds/setup.conf, or use it "
           "with\n"
           "# mds-setup --answers FILE.\n" +
           sections([](const Question& question, const std::string& key) {
               std::string who = question.roles == k_all       ? ""
                                 : question.roles == k_primary ? " (Primary only)"
                                                               : " (Secondary and log server only)";
               std::string standard = question.standard;
               if (!standard.empty() && standard[0] == '@') standard.clear();
               std::string text = "# " + std::string(question.help) + who + "\n";
               if (std::string(question.id) == "role")
                   text += "# primary, secondary or log-server\n";
               return text + "#" + key + "=" + standard + "\n";
           });
}

std::string answers_file(const Answers& answers) {
    unsigned role = answers.role_bit();
    return "# Answers of mds-setup(8)" +
           (role ? ", for a " + role_title(answers.get("role")) : "") +
           ". Secrets are not in here.\n" +
           sections([&](const Question& question, const std::string& key) -> std::string {
               bool secret = question.secret || key.ends_with("File");
               if (role && !(question.roles & role)) return "";
               if (!secret && answers.has(question.id)) {
                   return key + "=" + answers.get(question.id) + "\n";
               }
               return secret ? "# " + std::string(question.help) + "\n#" + key + "=\n" : "";
           });
}

}  // namespace mds::firstboot
