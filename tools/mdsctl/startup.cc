#include "startup.hh"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "base/text.hh"
#include "draw.hh"

namespace mds::ctl {

int read_seconds(const std::string& text) {
    size_t digits = text.find_first_not_of("0123456789");
    std::string unit = digits == std::string::npos ? "s" : text.substr(digits);
    if (digits == 0 || text.empty() || text.size() > 6 || (unit != "s" && unit != "m")) return 0;
    return std::atoi(text.c_str()) * (unit == "m" ? 60 : 1);
}

Form form_of(const std::string& output, bool json) {
    if (output == "wide") return Form::wide;
    if (output == "jsonl") return Form::jsonl;
    if (output == "csv") return Form::csv;
    if (output == "name") return Form::name;
    return json || output == "json" ? Form::json : Form::table;
}

void detect_terminal(Options& o, const std::string& colour) {
    o.terminal = isatty(STDOUT_FILENO);
    winsize size{};
    if (o.terminal && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
        o.width = size.ws_col;
    }
    const char* term = std::getenv("TERM");
    bool dumb = !term || !std::strcmp(term, "dumb") || !*term;
    o.moves = o.terminal && !dumb;
    o.colour = colour == "always" || (colour == "auto" && o.terminal && !dumb && !std::getenv("NO_COLOR"));
    for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
        const char* value = std::getenv(name);
        if (!value || !*value) continue;
        if (!std::strstr(value, "UTF-8") && !std::strstr(value, "utf8")) o.ascii = true;
        return;
    }
    o.ascii = true;
}

int report(const Options& o, const Error& e) {
    if (o.json) {
        json::object body{
            {"code", code_word(e.code())}, {"message", e.message()}, {"hint", e.next()}, {"rf", e.refusal_id()}};
        std::fprintf(stderr, "%s\n", json::text(body).c_str());
        return exit_code(e.code());
    }
    std::string id = e.refusal_id().empty() ? "" : "  [" + e.refusal_id() + "]";
    std::fprintf(stderr, "%s\n", wrapped(o, "Error: ", safe(e.message()) + id).c_str());
    for (const std::string& line : e.errors()) std::fprintf(stderr, "  %s\n", safe(line).c_str());
    for (const std::string& line : e.warnings()) std::fprintf(stderr, "  Warning: %s\n", safe(line).c_str());
    if (!e.next().empty()) std::fprintf(stderr, "Next:  %s\n", safe(e.next()).c_str());
    return exit_code(e.code());
}

bool wants_json(const std::vector<std::string>& words) {
    std::string line = " " + join(words, " ") + " ";
    for (const char* option :
         {" --json ", " -o json ", " -o jsonl ", " -ojson ", " --output json ", " --output=json "}) {
        if (line.find(option) != std::string::npos) return true;
    }
    return false;
}

}  // namespace mds::ctl
