#include "schema.hh"

#include <algorithm>

#include "answers.hh"
#include "json/json.hh"

namespace mds::firstboot {
namespace {

json::array words(std::initializer_list<const char*> list) {
    json::array made;
    for (const char* word : list) made.emplace_back(word);
    return made;
}

json::object required(const char* section, const json::value& inside) {
    return {{"required", words({section})}, {"properties", json::object{{section, inside}}}};
}

/// What else is needed with these roles.
json::object when(const json::array& roles, const json::value& then) {
    json::object is{{"Role", json::object{{"enum", roles}}}};
    json::object server{{"properties", is}};
    return {{"if", json::object{{"properties", json::object{{"Server", server}}}}}, {"then", then}};
}

json::object key_of(const Question& question) {
    std::string what = question.text, id = question.id;
    if (!what.empty()) what += what.ends_with('.') ? " " : ". ";
    json::object key{{"type", "string"}, {"description", what + question.help}};
    json::array choices, roles;
    for (const FixedChoice* one : fixed_choices(question)) choices.emplace_back(one->value);
    if (!choices.empty()) key["enum"] = choices;
    std::string standard = question.standard;
    if (!standard.empty() && standard[0] != '@') key["default"] = standard;
    if (question.secret) key["writeOnly"] = true;
    if (question.roles != k_all) {
        if (question.roles & k_primary) roles.emplace_back("primary");
        if (question.roles & k_secondary) roles.emplace_back("secondary");
        if (question.roles & k_log) roles.emplace_back("log-server");
        key["x-roles"] = roles;
    }
    std::replace(id.begin(), id.end(), '_', '-');
    key["x-credential"] = "mds.setup." + id;
    return key;
}

}  // namespace

std::string answers_schema() {
    json::object sections;
    for (const Question& question : questions()) {
        std::string full = question.key;
        size_t dot = full.find('.');
        if (full.empty()) continue;
        json::object& section = sections[full.substr(0, dot)].is_object()
                                    ? sections[full.substr(0, dot)].as_object()
                                    : sections[full.substr(0, dot)].emplace_object();
        section["type"] = "object";
        section["additionalProperties"] = false;
        if (!section.contains("properties")) section["properties"] = json::object{};
        section["properties"].as_object()[full.substr(dot + 1)] = key_of(question);
    }
    sections["Server"].as_object()["required"] = words({"Role"});
    json::array password{json::object{{"required", words({"PasswordHash"})}},
                         json::object{{"required", words({"PasswordFile"})}}};
    json::array needs{
        when(words({"primary"}), required("Administrator", json::object{{"anyOf", password}})),
        when(words({"secondary", "log-server"}),
             required("Trust", json::object{{"required", words({"ActivationKeyFile"})}}))};
    return json::pretty(json::object{{"$schema", "https://json-schema.org/draft/2020-12/schema"},
                                     {"title", "Answers for mds-setup"},
                                     {"type", "object"},
                                     {"additionalProperties", false},
                                     {"properties", sections},
                                     {"required", words({"Server"})},
                                     {"allOf", needs}});
}

}  // namespace mds::firstboot
