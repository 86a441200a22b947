// What people read of mdsctl doctor, and what it does with --fix.
#include <fmt/core.h>

#include <algorithm>
#include <set>

#include "base/text.hh"
#include "doctor.hh"
#include "doctor_world.hh"
#include "draw.hh"

namespace mds::ctl::doctor {
namespace {

constexpr size_t k_columns = 80, k_most_causes = 6, k_most_named = 5;
constexpr char k_indent[] = "        ";

const char* symbol_of(Verdict verdict) {
    switch (verdict) {
        case Verdict::ok:
            return "done";
        case Verdict::bad:
            return "problem";
        case Verdict::unknown:
            return "unknown";
        default:
            return "warning";
    }
}

/// Never wider than 80 columns, also when it goes to a file: words are wrapped, nothing is cut.
std::string paragraph(const Options& options, const std::string& first, const std::string& text) {
    Options page = options;
    page.terminal = true;
    page.width = options.width > 0 && options.terminal
                     ? std::min(options.width, static_cast<int>(k_columns))
                     : static_cast<int>(k_columns);
    return wrapped(page, first, safe(text)) + "\n";
}

/// Who asks about one server reads of this one only what is wrong.
bool about_target(const World& world, const Finding& f) {
    return world.target.empty() || f.about == world.target || f.check == "domain";
}

/// What is well, in as many columns as fit.
std::string good_ones(const Options& options, const World& world, const Findings& findings) {
    std::vector<std::string> items;
    for (const Finding& f : findings) {
        if (f.verdict == Verdict::ok && about_target(world, f))
            items.push_back(symbol(options, "done") + " " + safe(f.what));
    }
    constexpr size_t k_gap = 2;
    size_t width = 0;
    for (const std::string& item : items) width = std::max(width, columns(item) + k_gap);
    size_t fit = std::max<size_t>(1, (k_columns + k_gap) / std::max<size_t>(width, 1));
    std::string out, line;
    for (size_t i = 0; i < items.size(); ++i) {
        line += items[i];
        bool last = (i + 1) % fit == 0 || i + 1 == items.size();
        line += last ? "\n" : std::string(width - columns(items[i]), ' ');
        if (!last) continue;
        out += line;
        line.clear();
    }
    return out;
}

/// "2 Domains wait for it: London, Tokyo"
std::string suffering(const Finding& cause) {
    std::set<std::string> names(cause.domains.begin(), cause.domains.end());
    if (names.empty())
        return cause.explains ? fmt::format("{} more thing{} not work because of it",
                                            cause.explains, cause.explains == 1 ? " does" : "s do")
                              : "";
    std::vector<std::string> first;
    for (const std::string& name : names) {
        if (first.size() == k_most_named) break;
        first.push_back(name);
    }
    std::string more =
        names.size() > first.size() ? fmt::format(" and {} more", names.size() - first.size()) : "";
    return fmt::format("{} Domain{} suffer{} from it: {}{}", names.size(),
                       names.size() == 1 ? "" : "s", names.size() == 1 ? "s" : "",
                       join(first, ", "), more);
}

std::vector<const Finding*> causes(const Findings& findings) {
    std::vector<const Finding*> out;
    for (const Finding& f : findings) {
        if (f.wrong() && f.because < 0) out.push_back(&f);
    }
    std::stable_sort(out.begin(), out.end(), [](const Finding* a, const Finding* b) {
        if (a->verdict != b->verdict) return a->verdict > b->verdict;
        return a->explains > b->explains;
    });
    return out;
}

std::string advice(const Options& options, const Finding& f, const char* word) {
    std::string out = paragraph(options, fmt::format("{:<8}", word), f.cause);
    if (std::string more = suffering(f); !more.empty()) out += paragraph(options, k_indent, more);
    const char* lead = "Next    ";
    for (const Next& next : f.next) {
        // Not wrapped: it is pasted.
        out += lead + safe(next.text()) + "\n";
        lead = k_indent;
    }
    return out;
}

}  // namespace

std::string screen(const Options& options, const World& world, const Findings& findings) {
    std::string out = good_ones(options, world, findings), notes;
    for (const Finding& f : findings) {
        if (!f.wrong() && !about_target(world, f)) continue;
        bool shown = f.verdict != Verdict::ok && (f.because < 0 || !world.target.empty());
        if (shown) out += paragraph(options, symbol(options, symbol_of(f.verdict)) + " ", f.what);
        if ((f.verdict == Verdict::note || f.verdict == Verdict::unknown) && !f.next.empty())
            notes += advice(options, f, "Note");
    }
    std::vector<const Finding*> worst = causes(findings);
    for (size_t i = 0; i < worst.size() && i < k_most_causes; ++i)
        out += (i ? "\n" : "") + advice(options, *worst[i], "Cause");
    if (worst.size() > k_most_causes) {
        out +=
            fmt::format("\n{} more causes:  mdsctl doctor -o json\n", worst.size() - k_most_causes);
    }
    if (worst.empty()) out += notes;
    return out;
}

bool fix(const Options& options, const Findings& findings) {
    bool any = false;
    for (const Finding* f : causes(findings)) {
        if (!f->fix) continue;
        any = true;
        std::string outcome = "done";
        std::string text = f->fix->does;
        try {
            f->fix->act();
        } catch (const std::exception& e) {
            outcome = "problem";
            text += ": " + std::string(e.what());
        }
        if (options.people() && !options.quiet)
            std::fputs(paragraph(options, symbol(options, outcome) + " --fix: ", text).c_str(),
                       stdout);
    }
    return any;
}

}  // namespace mds::ctl::doctor
