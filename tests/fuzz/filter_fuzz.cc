// Filters of lists and rulebases. The first byte chooses the list.
#include "workspace.hh"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace mds;
    static fuzz::Workspace workspace;
    if (size == 0) return 0;
    std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
    // Texts of JSON are UTF-8; anything else is refused before a filter is read.
    json::object body{{"filter", text}};
    if (data[0] & 4) body["ip-only"] = true;
    if (data[0] & 8) body["order"] = json::array{json::object{{"DESC", "comments"}}};
    const char* commands[] = {"show-objects", "show-hosts", "show-access-rulebase",
                              "show-nat-rulebase"};
    int which = data[0] % 4;
    if (which == 2) body["name"] = "Network";
    if (which == 3) body["package"] = "Standard";
    if (which != 0) body.erase("ip-only");
    if (which > 1) body.erase("order");
    workspace.ask(commands[which], json::text(body));
    return 0;
}
