#include "doctor_mask.hh"

#include <algorithm>
#include <filesystem>
#include <regex>

#include "base/text.hh"

namespace mds::ctl::doctor {
namespace {

namespace fs = std::filesystem;

constexpr char k_stars[] = "***";
/// Shorter ones would blank ordinary words.
constexpr size_t k_shortest = 6;

/// Keys whose value is a secret; those that end in File or Key-File name a file instead.
const char k_key[] =
    "[A-Za-z_-]*(?:password|passwd|secret|activation[_-]?key|api[_-]?key|key[_-]?hash|one[_-]time[_"
    "-]code|totp|token|"
    "sid)(?:[_-]?hash|[_-]?text)?";

std::vector<std::string> forms_of(const std::string& secret) {
    std::string bare = secret;
    std::erase_if(bare, [](char c) { return c == '-' || c == ' '; });
    return {secret, bare, fold(secret), fold(bare)};
}

}  // namespace

Mask::Mask(const std::string& etc) {
    static const std::regex k_line("^\\s*([A-Za-z-]+)\\s*=\\s*(.*?)\\s*$");
    std::vector<fs::path> files{etc + "/setup.conf"};
    std::error_code error;
    for (fs::directory_iterator it(etc + "/setup.conf.d", error), end; !error && it != end;
         it.increment(error))
        files.push_back(it->path());
    for (const fs::path& file : files) {
        if (!fs::exists(file, error)) continue;
        for (const std::string& line : split(read_file(file), '\n')) {
            std::smatch found;
            if (!std::regex_match(line, found, k_line)) continue;
            std::string key = fold(found[1].str()), value = found[2];
            bool secret =
                key.find("password") != std::string::npos || key.find("key") != std::string::npos;
            if (!secret) continue;
            if (!key.ends_with("file"))
                remember(value);
            else if (fs::is_regular_file(value, error) && fs::file_size(value, error) < 4096)
                remember(trim(read_file(value)));
        }
    }
    // Whatever else lies there beside the settings is a secret that somebody put there for the
    // setup.
    for (fs::directory_iterator it(etc, error), end; !error && it != end; it.increment(error)) {
        std::error_code gone;
        bool small = it->is_regular_file(gone) && it->file_size(gone) < 4096;
        if (small && it->path().extension() != ".conf") remember(trim(read_file(it->path())));
    }
    std::sort(known_.begin(), known_.end(),
              [](const std::string& a, const std::string& b) { return a.size() > b.size(); });
}

void Mask::remember(const std::string& secret) {
    for (const std::string& form : forms_of(secret)) {
        if (form.size() >= k_shortest) known_.push_back(form);
    }
}

std::string Mask::operator()(std::string text) const {
    for (const std::string& secret : known_) {
        for (size_t at = 0; (at = text.find(secret, at)) != std::string::npos;)
            text.replace(at, secret.size(), k_stars);
    }
    static const std::regex k_json(
        "(\"" + std::string(k_key) + "\"\\s*:\\s*)\"[^\"\\\\]*(?:\\\\.[^\"\\\\]*)*(?:\"|$)",
        std::regex::icase | std::regex::optimize);
    static const std::regex k_text("\\b(" + std::string(k_key) + "\\s*[=:]\\s*)[^\\s\"]+",
                                   std::regex::icase | std::regex::optimize);
    // Line by line: a regular expression over a whole journal would need more stack than there is.
    std::string out;
    bool in_key = false;
    for (const std::string& line : split(text, '\n')) {
        if (line.find("-----BEGIN") != std::string::npos &&
            line.find("PRIVATE KEY-----") != std::string::npos)
            in_key = true;
        bool ends = in_key && line.find("-----END") != std::string::npos;
        std::string shown = in_key ? k_stars : line;
        constexpr size_t k_longest = 4000;
        if (!in_key && line.size() > k_longest) shown = line.substr(0, k_longest) + "...";
        if (!in_key)
            shown =
                std::regex_replace(std::regex_replace(shown, k_json, "$1\"***\""), k_text, "$1***");
        if (ends) in_key = false;
        out += shown + '\n';
    }
    if (!out.empty()) out.pop_back();
    return out;
}

}  // namespace mds::ctl::doctor
