// Requests: a command's name, a line break, a body. MDS_FUZZ_DICTIONARY=<file> writes the words of
// the commands and fields there, for the fuzzer to play with.
#include <fstream>
#include <set>

#include "workspace.hh"

namespace {

using namespace mds;

void add_words(std::set<std::string>& words, const std::vector<model::Field>& fields) {
    for (const model::Field& field : fields) {
        words.insert(field.name);
        words.insert(field.choices.begin(), field.choices.end());
        add_words(words, field.fields);
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    static std::unique_ptr<fuzz::Workspace> workspace;
    static int since = 0;
    if (!workspace || ++since > 3000) {
        workspace = std::make_unique<fuzz::Workspace>();
        since = 0;
    }
    std::string_view text(reinterpret_cast<const char*>(data), size);
    size_t end = text.find('\n');
    if (end == std::string_view::npos) return 0;
    static const std::vector<std::string> k_names = workspace->commands();
    std::string command(text.substr(0, end));
    if (command.size() == 1) command = k_names[static_cast<uint8_t>(command[0]) % k_names.size()];
    workspace->ask(command, text.substr(end + 1));
    if (command != "publish") workspace->ask("discard", "{}");
    return 0;
}

extern "C" int LLVMFuzzerInitialize(int*, char***) {
    const char* file = getenv("MDS_FUZZ_DICTIONARY");
    if (!file) return 0;
    std::set<std::string> words;
    for (const std::string& name : fuzz::Workspace().commands()) words.insert(name);
    for (const model::Type& type : model::domain_catalog().types()) {
        words.insert(type.name);
        add_words(words, type.fields);
    }
    for (const char* word : {"uid", "name", "new-name", "limit", "offset", "order", "ASC", "DESC",
                             "filter", "details-level", "layer", "position", "top", "above", "add",
                             "remove", "web-1", "farm", "lan", "Network", "Standard", "10.0.0.1"}) {
        words.insert(word);
    }
    std::ofstream out(file);
    for (const std::string& word : words) {
        if (word.find_first_of("\"\\") == std::string::npos) out << '"' << word << "\"\n";
    }
    return 0;
}
