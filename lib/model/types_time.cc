// Times and groups of times (management-api.md 12).
#include "model/coerce.hh"
#include "model/table.hh"

namespace mds::model {

using namespace table;

namespace {

bool is_time(const std::string& text) {
    if (text.size() != 5 || text[2] != ':') return false;
    for (size_t i : {0u, 1u, 3u, 4u}) {
        if (text[i] < '0' || text[i] > '9') return false;
    }
    return text.substr(0, 2) < "24" && text[3] < '6';
}

void check_time(const json::object& document) {
    for (const json::value& v : json::get_array(document, "hours-ranges")) {
        for (const char* key : {"from", "to"}) {
            std::string text = json::get_string(v.as_object(), key, "00:00");
            if (!is_time(text)) {
                invalid(std::string("hours-ranges.") + key,
                        "'" + text + "' is not a time of the day, for example 21:22.");
            }
        }
    }
    const json::object& start = json::get_object(document, "start");
    const json::object& end = json::get_object(document, "end");
    if (!start.empty() && !end.empty() &&
        json::get_int(start, "posix") >= json::get_int(end, "posix")) {
        invalid("end", "The end is not after the start.");
    }
}

/// "now" and "never" are what is meant when no time is given.
void normalise_time(json::object& document) {
    document["start-now"] = !document.contains("start");
    document["end-never"] = !document.contains("end");
}

Type timed(Type t) {
    t.groups = true;
    t.group_type = "time-group";
    return t;
}

}  // namespace

std::vector<Type> time_types() {
    Type time = timed(type(
        "time", "times", "time", "Objects/time",
        {field("start", Kind::moment), flag("start-now"), field("end", Kind::moment),
         flag("end-never"),
         maps("hours-ranges", {number("index", 0, 3), flag("enabled"), text("from"), text("to")}),
         map("recurrence", {choice("pattern", {"Daily", "Weekly", "Monthly"}), strings("weekdays"),
                            strings("days"), text("month")})}));
    time.normalise = normalise_time;
    time.check = check_time;
    Type group = timed(type("time-group", "time-groups", "time", "Objects/time",
                            {references("members", {"time", "time-group"})}));
    return {time, group};
}

}  // namespace mds::model
