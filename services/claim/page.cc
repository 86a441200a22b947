#include "page.hh"

#include "base/base64.hh"
#include "crypto/hash.hh"
#include "http/form.hh"

namespace mds::claim {
namespace {

using http::escape_html;

// Sizes follow the reader's font; what is wrong is told by words and a bar, not by colour alone.
constexpr char k_style[] =
    ":root{color-scheme:light dark}"
    "body{font:1rem/1.5 system-ui,sans-serif;max-width:42rem;margin:0 auto;padding:1rem;overflow-wrap:anywhere}"
    "h1{font-size:1.5rem}h2{font-size:1.2rem}"
    "label,legend{font-weight:600}fieldset{border:0;padding:0;margin:0}"
    ".field{margin:1.25rem 0}.field p{margin:.25rem 0}"
    "fieldset label{font-weight:400;display:block;padding:.35rem 0}"
    "input:not([type=radio]),select{font:inherit;width:100%;box-sizing:border-box;padding:.5rem;margin:.25rem 0}"
    "button{font:inherit;padding:.6rem 1.2rem;margin:.5rem .5rem 0 0}"
    ".problem{border-left:.4rem solid #c62828;padding-left:.6rem;font-weight:600}"
    ".remark{border-left:.4rem solid #8a6d00;padding-left:.6rem}"
    ".help{font-size:.95rem}"
    "pre{white-space:pre-wrap;border:1px solid;padding:.75rem;font-size:.9rem}"
    ":focus-visible{outline:.2rem solid;outline-offset:.1rem}";

std::string get(const json::object& o, const char* name) { return escape_html(json::get_string(o, name)); }

std::string head(const std::string& title) {
    return "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
           "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">"
           "<title>" + title + "</title><style>" + k_style + "</style></head>\n<body><main>\n";
}

constexpr char k_end[] = "</main></body></html>\n";

std::string paragraph(const std::string& html, const std::string& kind = "") {
    return "<p" + (kind.empty() ? "" : " class=\"" + kind + "\"") + ">" + html + "</p>\n";
}

std::string form_begin(const std::string& token) {
    return "<form method=\"post\" action=\"/\" autocomplete=\"off\">\n"
           "<input type=\"hidden\" name=\"form\" value=\"" + token + "\">\n";
}

std::string button(const std::string& act, const std::string& name, bool skips_checks = false) {
    return "<button name=\"do\" value=\"" + act + "\"" + (skips_checks ? " formnovalidate" : "") + ">" + name + "</button>\n";
}

std::string problem_of(const json::object& reply) {
    std::string text = get(reply, "problem"), out;
    if (!text.empty()) out += "<p class=\"problem\" role=\"alert\">" + text + "</p>\n";
    for (const json::value& one : json::get_array(reply, "given")) {
        if (one.is_string()) {
            out += paragraph("Wrong in what is given already: " + escape_html(std::string_view(one.get_string())), "problem");
        }
    }
    return out;
}

std::string how_by_console(const json::object& reply) {
    std::string where = get(reply, "consoles");
    return paragraph("It can be set up on its console" + (where.empty() ? "" : " (" + where + ")") +
                     ", or by root there: <code>mds-setup</code>");
}

std::string claim_page(const json::object& reply) {
    int64_t tries = json::get_int(reply, "tries");
    return paragraph("This server is not set up.") + how_by_console(reply) + "<h2>Or in this browser</h2>\n" +
           paragraph("The claim code stands on its consoles, above their login prompts, with the fingerprint of this "
                     "page's certificate: compare it first. Root is told it by <code>mds-setup --claim-code</code>. It "
                     "changes at each start.") +
           problem_of(reply) +
           "<form method=\"post\" action=\"/\" autocomplete=\"off\">\n<div class=\"field\"><label for=\"code\">Claim code"
           "</label>\n<input id=\"code\" name=\"code\" required maxlength=\"40\" autocapitalize=\"characters\" "
           "spellcheck=\"false\" aria-describedby=\"code-help\">\n<p id=\"code-help\" class=\"help\">Three groups of four "
           "characters; dashes and capitals do not matter. Tries left: " + std::to_string(tries) +
           ". When there are none, only the console is left.</p></div>\n" + button("claim", "Go on") + "</form>\n";
}

std::string closed_page(const json::object& reply) {
    return paragraph("This server is not set up.") + problem_of(reply) +
           paragraph("Too many wrong claim codes were given. No code is accepted any more, not the right one either: only "
                     "the console of this server works now.", "problem") +
           how_by_console(reply) +
           paragraph("For a new code: restart this server, or as root there: <code>mds-setup --new-claim-code</code>");
}

/// The words below a question, with their ids for aria-describedby.
std::string described(const json::object& field, std::string& ids) {
    const std::string id = get(field, "id");
    std::string out;
    for (const char* kind : {"problem", "remark", "help"}) {
        std::string text = get(field, kind);
        if (text.empty()) continue;
        ids += (ids.empty() ? "" : " ") + id + "-" + kind;
        out += "<p id=\"" + id + "-" + kind + "\" class=\"" + kind + "\">" + text + "</p>\n";
    }
    return out;
}

std::string radio_buttons(const json::object& field) {
    const std::string id = get(field, "id"), now = json::get_string(field, "value");
    std::string out;
    for (const json::value& one : json::get_array(field, "choices")) {
        const json::object& choice = one.as_object();
        std::string value = json::get_string(choice, "value");
        // The first one is where a link to the question leads.
        out += "<label><input type=\"radio\" name=\"" + id + "\"" + (out.empty() ? " id=\"" + id + "\"" : "") + " value=\"" +
               escape_html(value) + "\"" + (value == now ? " checked" : "") + "> " + get(choice, "name") + ": " +
               get(choice, "what") + ". " + get(choice, "more") + "</label>\n";
    }
    return out;
}

std::string select(const json::object& field, const std::string& attributes) {
    std::string out = "<select" + attributes + ">\n", now = json::get_string(field, "value");
    for (const json::value& one : json::get_array(field, "choices")) {
        const json::object& choice = one.as_object();
        std::string value = json::get_string(choice, "value");
        out += "<option value=\"" + escape_html(value) + "\"" + (value == now ? " selected" : "") + ">" +
               get(choice, "name") + "</option>\n";
    }
    return out + "</select>\n";
}

std::string secret(const json::object& field, const std::string& attributes) {
    const std::string id = get(field, "id");
    std::string more = json::get_bool(field, "kept") ? " placeholder=\"kept; type only to change it\"" : "";
    return "<input type=\"password\" autocomplete=\"new-password\"" + attributes + more + ">\n<label for=\"" + id +
           "-again\">" + get(field, "name") + " again</label>\n<input type=\"password\" autocomplete=\"new-password\" id=\"" +
           id + "-again\" name=\"" + id + "-again\"" + more + ">\n";
}

std::string question(const json::object& field) {
    const std::string id = get(field, "id");
    std::string ids, words = described(field, ids), shown;
    std::string wrong = get(field, "problem").empty() ? "" : " aria-invalid=\"true\"";
    if (json::get_bool(field, "fixed")) {
        return "<fieldset class=\"field\" aria-describedby=\"" + ids + "\"" + wrong + "><legend>" + get(field, "text") +
               "</legend>\n" + radio_buttons(field) + words + "</fieldset>\n";
    }
    for (const json::value& line : json::get_array(field, "shown")) {
        shown += escape_html(std::string_view(line.as_string())) + "\n";
    }
    if (!shown.empty()) shown = "<pre>" + shown + "</pre>\n";
    std::string attributes = " id=\"" + id + "\" name=\"" + id + "\" aria-describedby=\"" + ids + "\"" + wrong;
    std::string input = json::get_bool(field, "secret")              ? secret(field, attributes)
                        : !json::get_array(field, "choices").empty() ? select(field, attributes)
                                                                     : "<input" + attributes + " value=\"" + get(field, "value") +
                                                           "\" spellcheck=\"false\">\n";
    return "<div class=\"field\">" + shown + "<label for=\"" + id + "\">" + get(field, "text") + "</label>\n" + input + words +
           "</div>\n";
}

std::string last_buttons(const json::object& reply) {
    return (json::get_bool(reply, "back") ? button("back", "Back", true) : "") +
           button("leave", "Leave; answers are kept, secrets are not", true) + "</form>\n";
}

std::string questions_page(const json::object& reply) {
    std::string wrong, out;
    for (const json::value& one : json::get_array(reply, "fields")) {
        const json::object& field = one.as_object();
        out += question(field);
        if (get(field, "problem").empty()) continue;
        wrong += "<li><a href=\"#" + get(field, "id") + "\">" + get(field, "title") + "</a>: " + get(field, "problem") + "</li>\n";
    }
    if (!wrong.empty()) wrong = "<div class=\"problem\" role=\"alert\">To be answered again:<ul>" + wrong + "</ul></div>\n";
    return problem_of(reply) + wrong + form_begin(get(reply, "form")) + out + button("answer", "Next") + last_buttons(reply);
}

std::string plan_page(const json::object& reply) {
    std::string lines;
    for (const json::value& line : json::get_array(reply, "plan")) {
        lines += escape_html(std::string_view(line.as_string())) + "\n";
    }
    return problem_of(reply) + "<h2>Summary</h2>\n" + paragraph("Nothing has been changed yet.") + "<pre>" + lines + "</pre>\n" +
           form_begin(get(reply, "form")) + button("apply", "Set up") + last_buttons(reply);
}

}  // namespace

std::string page(const json::object& reply) {
    const std::string name = json::get_string(reply, "page"), host = get(reply, "host");
    std::string out = head("First-time setup of " + host) + "<h1>" + host + ": first-time setup of OpenMDS</h1>\n";
    const std::string again = paragraph("<a href=\"/\">Look again</a>");
    if (name == "claim") return out + claim_page(reply) + k_end;
    if (name == "closed") return out + closed_page(reply) + k_end;
    if (name == "questions") return out + questions_page(reply) + k_end;
    if (name == "plan") return out + plan_page(reply) + k_end;
    if (name == "busy") return out + problem_of(reply) + how_by_console(reply) + again + k_end;
    if (name == "left") return out + paragraph("Nothing was changed. The answers are kept, secrets are not.") + again + k_end;
    if (name == "done") return out + paragraph("This server is set up.") + again + k_end;
    return out + paragraph("This server is being set up. Also when this page is closed.") +
           "<pre role=\"log\" aria-live=\"polite\" aria-label=\"What is done\">";
}

std::string notice_page(const std::string& heading, const std::string& text) {
    return head("First-time setup of OpenMDS") + "<h1>" + escape_html(heading) + "</h1>\n" + paragraph(escape_html(text)) + k_end;
}

std::string progress_line(const std::string& text) { return escape_html(text) + "\n"; }

std::string progress_done() {
    return "</pre>\n<h2>This server is set up</h2>\n" +
           paragraph("This page has ended: what is next stands above. The port is that of the management API now, whose "
                     "certificate has the fingerprint above.") + k_end;
}

std::string progress_failed(const std::string& form_token) {
    return "</pre>\n<h2>Setup is not complete</h2>\n" +
           paragraph("The reason stands above. Set up again: it continues where it stopped.", "problem") +
           form_begin(escape_html(form_token)) + button("apply", "Set up again") + button("back", "Back") + "</form>\n" + k_end;
}

std::string progress_lost() {
    return "</pre>\n" + paragraph("Nothing more is heard of it here. <a href=\"/\">Look again</a>, or on the console.", "problem") +
           k_end;
}

std::string content_policy() {
    static const std::string k_policy = "default-src 'none'; style-src 'sha256-" + base64(crypto::sha256(k_style)) +
                                        "'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";
    return k_policy;
}

}  // namespace mds::claim
