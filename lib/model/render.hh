#pragma once
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.hh"
#include "json/json.hh"
#include "model/type.hh"

namespace mds::model {

enum class Level { uid, standard, full };

/// "uid", "standard", "full"; throws Error(invalid_parameter) for another word.
Level level_from(std::string_view word);

/// {"posix": ms, "iso-8601": "..."}
json::object date(int64_t ms);

/// What rendering needs besides the document.
struct RenderContext {
    /// {"uid","name","domain-type"}
    json::object domain;
    /// meta-info.lock of this object, locking-admin and locking-session-id when there are any.
    json::object lock;
    bool read_only = false;
    bool actions = true;
    /// Level for references below the object.
    Level references = Level::standard;
    /// The object behind a reference, at `references` level: uid string, OBJ or whole.
    std::function<json::value(const Uid&)> reference;
    /// The name behind a reference.
    std::function<std::string(const Uid&)> name;
    /// Groups of the object (already as values); null = leave `groups` out.
    const json::array* groups = nullptr;
};

/// OBJ: uid name type domain icon color and the key fields.
json::object render_standard(const Type& type, const Uid& uid, const json::object& document,
                             const json::object& domain);
/// The whole object with its envelope (management-api.md 6).
json::object render_full(const Type& type, const Uid& uid, const json::object& document,
                         const RenderContext& context);

/// Whether a member of a reply belongs to the envelope that every object has.
bool is_envelope(std::string_view name);

}  // namespace mds::model
