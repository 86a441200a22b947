// mdsctl server, trust, registry.
#include "words.hh"

namespace mds::ctl {
namespace {

void server_words(Words& w) {
    Options& o = w.options;
    CLI::App* server = w.noun("server", "Multi-Domain Servers and log servers")->alias("servers");
    w.lists(server, "all servers", [&](Client& c) { return server_list(c, o); });
    w.leaf(server, "show", "one server", [&](Client& c) { return server_show(c, o, w.name); })
        ->add_option("SERVER", w.name)
        ->required();
    bool& join_string = w.keep<bool>();
    CLI::App* add = w.leaf(server, "add", "connects a machine that was set up as Secondary or log server",
                           [&](Client& c) {
                               return server_add(c, o, w.name, w.address, w.log_server, join_string, w.key_file);
                           });
    add->add_option("SERVER", w.name);
    add->add_option("--ip", w.address, "its address; default: what DNS says");
    add->add_flag("--log", w.log_server, "it is a log server");
    add->add_option("--key-file", w.key_file, "file with the activation key; default: asked")->type_name("FILE");
    add->add_flag("--join-string", join_string, "asks for a join string instead, which names the server, too");
    w.leaf(server, "delete", "takes a server that is stopped or lost out of the deployment",
           [&](Client& c) { return server_delete(c, o, w.name); })
        ->add_option("SERVER", w.name)
        ->required();
    w.leaf(server, "uses", "what refers to a server or to its Domain Servers: rules, groups, gateways",
           [&](Client& c) { return server_uses(c, o, w.name); })
        ->add_option("SERVER", w.name, "a Multi-Domain Server, or a Domain Server")
        ->required();
    auto process = [&](const char* word, const char* text) {
        w.leaf(server, word, text, [&w, word](Client& c) { return server_process(c, w.options, word, w.name); })
            ->add_option("SERVER", w.name, "this host, which is the default");
    };
    process("start", "starts everything on this host, stopped Domain Servers as well; as mdsstart");
    process("stop", "stops everything on this host; as mdsstop");
    process("restart", "stops and starts everything on this host");
    w.leaf(server, "readmit", "takes a server that was replaced by a promotion back as Secondary",
           [&](Client& c) { return server_readmit(c, o, w.name); })
        ->add_option("SERVER", w.name)
        ->required();
    Words::examples(server, "mdsctl server list -o wide", "mdsctl server add tokyo-mds-01 --ip 10.2.0.11",
                    "mdsctl server delete tokyo-mds-01 --dry-run");
}

void trust_words(Words& w) {
    Options& o = w.options;
    auto& generate = w.keep<bool>();
    CLI::App* trust = w.noun("trust", "trust between servers");
    w.lists(
        trust, "the certificate of every server", [&](Client& c) { return trust_status(c, o); }, "status");
    w.leaf(trust, "set-key", "sets the activation key of this machine", [&](Client& c) {
         return trust_set_key(c, o, generate);
     })->add_flag("--generate", generate, "make one and print it");
    CLI::App* join = w.leaf(trust, "join-string",
                            "a new activation key of this server as one word to paste at the Primary",
                            [&](Client& c) { return trust_join_string(c, o, w.name, w.address); });
    join->add_option("SERVER", w.name, "at the Primary: of a server to come, to paste in its first-time setup");
    join->add_option("--ip", w.address, "its address");
    w.leaf(trust, "state", "where the trust of this server stands", [](Client& c) { return trust_state(c); });
    w.leaf(trust, "reset", "forgets the trust of this server, with a new activation key; data is kept",
           [&](Client& c) { return trust_reset(c, o, w.key_file); })
        ->add_option("--key-file", w.key_file, "file with the key; default: asked")
        ->type_name("FILE");
    CLI::App* reconnect = w.leaf(trust, "connect", "on the Primary: connects a server whose trust was reset",
                                 [&](Client& c) { return trust_connect(c, o, w.name, w.key_file); });
    reconnect->add_option("SERVER", w.name)->required();
    reconnect->add_option("--key-file", w.key_file, "file with the activation key; default: asked")
        ->type_name("FILE");
    add_trust_change_words(w, trust);
    Words::examples(trust, "mdsctl trust status", "mdsctl trust test tokyo-mds-01",
                    "mdsctl trust connect tokyo-mds-01");
}

}  // namespace

void add_server_words(Words& w) {
    server_words(w);
    trust_words(w);
}

void add_registry_words(Words& w) {
    Options& o = w.options;
    auto& path = w.keep<std::string>();
    auto& value = w.keep<std::string>();
    CLI::App* registry = w.noun("registry", "values of the classic registry")->group("");
    registry->require_subcommand(1);
    w.leaf(registry, "show", "all values", [&](Client& c) { return registry_show(c, o); });
    w.leaf(registry, "is-primary", "1 on the Primary, else 0", [&](Client& c) { return registry_is_primary(c); });
    auto entry = [&](const char* word, const char* text, const std::string* given) {
        CLI::App* sub = w.leaf(registry, word, text,
                               [&o, &w, &path, given](Client& c) { return registry_set(c, o, path, w.name, given); });
        sub->add_option("PATH", path)->required();
        sub->add_option("NAME", w.name)->required();
        return sub;
    };
    entry("set", "sets a value", &value)->add_option("VALUE", value)->required();
    entry("delete", "deletes a value", nullptr);
}

}  // namespace mds::ctl
