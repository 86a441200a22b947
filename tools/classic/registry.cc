// promote_util, cpprod_util, ckp_regedit: the commands of the recovery procedure as the chapter types them
// (multi-domain-ha.md 6.4, PR-2, RD-4).
#include "registry.hh"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "base/error.hh"

namespace mds::classic {
namespace {

/// Becomes mdsctl with these words.
int run_mdsctl(std::vector<std::string> words) {
    words.insert(words.begin(), "mdsctl");
    std::vector<char*> arguments;
    for (std::string& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    execvp("mdsctl", arguments.data());
    std::perror("mdsctl");
    return 1;
}

int usage(const char* text) {
    std::fputs(text, stderr);
    return 2;
}

}  // namespace

int promote_util(const std::vector<std::string>& arguments) {
    if (!arguments.empty()) return usage("Usage: promote_util    (after mdsenv)\n");
    const char* domain = std::getenv("MDS_DOMAIN");
    if (!domain || !*domain) {
        std::fprintf(stderr,
                     "Error: promote_util works on one Domain Server, and this shell is at the "
                     "Multi-Domain level; nothing was changed  [RF-28]\n"
                     "Next:  mdsenv SERVER\n");
        return exit_code(Code::wrong_domain_type);
    }
    return run_mdsctl({"ds", "promote", domain});
}

int cpprod_util(const std::vector<std::string>& arguments) {
    const char* text =
        "Usage: cpprod_util FwIsPrimary\n"
        "       cpprod_util FwSetPrimary 1\n"
        "       cpprod_util CPPROD_SetValue PRODUCT KEY TYPE VALUE OVERWRITE\n"
        "           TYPE: 1 text, 4 number; OVERWRITE: 1\n"
        "       cpprod_util -dump\n";
    if (arguments.empty()) return usage(text);
    const std::string& what = arguments[0];
    if (what == "-dump" && arguments.size() == 1) return run_mdsctl({"registry", "show"});
    if (what == "FwIsPrimary" && arguments.size() == 1) return run_mdsctl({"registry", "is-primary"});
    if (what == "FwSetPrimary" && arguments.size() == 2) {
        return run_mdsctl({"registry", "set", "FW1", "Primary", arguments[1]});
    }
    if (what != "CPPROD_SetValue" || arguments.size() != 6) return usage(text);
    const std::string &type = arguments[3], &value = arguments[4];
    bool number = type == "4";
    if ((type != "1" && !number) || arguments[5] != "1" ||
        (number && value.find_first_not_of("0123456789") != std::string::npos)) {
        return usage(text);
    }
    return run_mdsctl({"registry", "set", arguments[1], arguments[2], value});
}

int ckp_regedit(const std::vector<std::string>& arguments) {
    const char* text =
        "Usage: ckp_regedit -d PATH NAME          deletes a value; parts of PATH behind //\n"
        "       ckp_regedit -a PATH NAME VALUE    sets one\n"
        "       ckp_regedit -p                    prints all\n";
    if (arguments.size() == 3 && arguments[0] == "-d") {
        return run_mdsctl({"registry", "delete", arguments[1], arguments[2]});
    }
    if (arguments.size() == 4 && arguments[0] == "-a") {
        return run_mdsctl({"registry", "set", arguments[1], arguments[2], arguments[3]});
    }
    if (!arguments.empty() && arguments[0] == "-p" && arguments.size() <= 2) {
        return run_mdsctl({"registry", "show"});
    }
    return usage(text);
}

}  // namespace mds::classic
