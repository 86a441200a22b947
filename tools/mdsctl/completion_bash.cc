// How bash takes a line apart, and how a value is typed into it.
#include <algorithm>
#include <string_view>

#include "completion.hh"

namespace mds::ctl {

BashLine bash_line(const std::string& line, const std::string& breaks) {
    BashLine out;
    std::string word;
    bool begun = false;
    for (size_t i = 0; i < line.size(); ++i) {
        char c = line[i];
        if (out.quote == '\'') {
            if (c == '\'') {
                out.quote = 0;
            } else {
                word += c;
            }
            continue;
        }
        if (c == '\\') {
            bool last = i + 1 == line.size();
            // Between double quotes a backslash stands for itself before most characters.
            bool special = !last && std::string_view("\\\"$`").find(line[i + 1]) != std::string_view::npos;
            bool escapes = out.quote ? special : !last;
            if (escapes) c = line[++i];
            if (!last || out.quote) word += c;
            begun = true;
            continue;
        }
        if (out.quote == '"') {
            if (c == '"') {
                out.quote = 0;
            } else {
                word += c;
            }
            continue;
        }
        if (c == '"' || c == '\'') {
            out.quote = c;
            out.kept = word.size();
            begun = true;
        } else if (c == ' ' || c == '\t' || c == '\n') {
            if (begun) out.words.push_back(word);
            word.clear();
            out.kept = 0;
            begun = false;
        } else {
            word += c;
            begun = true;
            if (breaks.find(c) != std::string::npos) out.kept = word.size();
        }
    }
    out.words.push_back(word);
    return out;
}

std::string bash_reply(const BashLine& line, const std::string& value) {
    std::string out;
    for (char c : value.substr(std::min(line.kept, value.size()))) {
        if (line.quote == '\'') {
            out += c == '\'' ? std::string("'\\''") : std::string(1, c);
            continue;
        }
        std::string_view special = line.quote == '"' ? "\\\"$`" : " \t\"'\\$`<>;|&()[]{}*?!#~";
        if (special.find(c) != std::string_view::npos) out += '\\';
        out += c;
    }
    return out;
}

}  // namespace mds::ctl
