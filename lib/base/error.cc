#include "base/error.hh"

#include <array>

namespace mds {
namespace {

struct Row {
    std::string_view word;
    int http;
    int exit_code;
};

constexpr std::array k_rows = {
#define MDS_ERROR(name, word, http, exit_code) Row{word, http, exit_code},
#include "base/errors.def"
#undef MDS_ERROR
};

}  // namespace

std::string_view code_word(Code code) { return k_rows[static_cast<size_t>(code)].word; }

int http_status(Code code) { return k_rows[static_cast<size_t>(code)].http; }

int exit_code(Code code) { return k_rows[static_cast<size_t>(code)].exit_code; }

Code code_from_word(std::string_view word) {
    for (size_t i = 0; i < k_rows.size(); ++i) {
        if (k_rows[i].word == word) return static_cast<Code>(i);
    }
    return Code::internal;
}

}  // namespace mds
