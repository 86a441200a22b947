#include "app/settings.hh"

#include <unistd.h>

#include <map>

#include "app/config_keys.hh"
#include "base/error.hh"
#include "base/text.hh"

namespace mds::app {
namespace {

const Key& known(const std::string& name) {
    if (const Key* key = find_key(name)) return *key;
    std::vector<std::string> names;
    for (const Key& key : config_keys()) names.emplace_back(key.name);
    std::string near = nearest(name, names);
    throw Error(Code::object_not_found,
                "there is no setting " + name + (near.empty() ? "" : "; did you mean " + near + "?"))
        .refusal("", "mdsctl config show");
}

}  // namespace

std::vector<Setting> settings() {
    std::vector<Setting> out;
    for (const Key& key : config_keys()) {
        out.push_back({key.name, key.standard, key.standard, key.text, "", key.low, key.high, ""});
    }
    for (const std::string& file : config_files()) {
        if (access(file.c_str(), F_OK) != 0) continue;
        for (const ConfigLine& line : config_lines(read_file(file))) {
            const Key* key = find_key(line.key);
            if (!key) continue;
            Setting& set = out[static_cast<size_t>(key - config_keys().data())];
            set.value = line.value;
            set.file = file;
            set.problem.clear();
            try {
                check_value(*key, line.value, "");
            } catch (const Error& e) {
                set.problem = e.message();
            }
        }
    }
    return out;
}

Setting setting(const std::string& name) {
    return settings()[static_cast<size_t>(&known(name) - config_keys().data())];
}

std::string settings_file() {
    // Behind what administrators and their tools put there, as people expect of the last word.
    return etc_folder() + "/mds.conf.d/90-mdsctl.conf";
}

void check_setting(const std::string& name, const std::string& value) {
    const Key& key = known(name);
    try {
        check_value(key, value, "");
        if (value.find_first_of("\n\r") != value.npos) {
            throw Error(Code::invalid_parameter, std::string(key.name) + " is one line");
        }
    } catch (const Error& e) {
        throw Error(e.code(), e.message()).refusal("", std::string("mdsctl config show ") + key.name);
    }
    Setting now = setting(name);
    if (now.file > settings_file() && now.file.starts_with(etc_folder() + "/mds.conf.d/")) {
        throw Error(Code::ha_invalid, now.name + " is set in " + now.file + ", which is read later")
            .refusal("", "change it there");
    }
}

void set_setting(const std::string& name, const std::optional<std::string>& value) {
    const std::string key = known(name).name;
    if (value) check_setting(name, *value);
    std::map<std::string, std::string> kept;
    std::string path = settings_file();
    if (access(path.c_str(), F_OK) == 0) {
        for (const ConfigLine& line : config_lines(read_file(path))) {
            const Key* one = find_key(line.key);
            kept[one ? one->name : line.key] = line.value;
        }
    }
    kept.erase(key);
    if (value) kept[key] = *value;
    if (kept.empty()) {
        if (unlink(path.c_str()) == 0) sync_folder(etc_folder() + "/mds.conf.d");
        return;
    }
    std::string text = "# Written by mdsctl config set.\n", section;
    for (const auto& [one, set] : kept) {
        size_t dot = one.find('.');
        if (one.substr(0, dot) != section) {
            section = one.substr(0, dot);
            text += "\n[" + section + "]\n";
        }
        text += one.substr(dot + 1) + "=" + set + "\n";
    }
    replace_file(path, text, 0644);
}

}  // namespace mds::app
