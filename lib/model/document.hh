#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.hh"
#include "json/json.hh"
#include "model/type.hh"

namespace mds::model {

/// What normalisation needs to know about other objects. Implemented over a session (lib/mgmt).
class World {
  public:
    virtual ~World() = default;
    /// The object with this uid or name among the types (empty = all); nothing when there is none.
    virtual std::optional<Uid> find(const std::vector<std::string>& types,
                                    std::string_view uid_or_name) = 0;
    /// The tag with this name, made when it is not there.
    virtual Uid tag(std::string_view name) = 0;
};

/// Parameters that shape the request, not the object: never part of a document.
bool is_common_parameter(std::string_view name);

/// The document of a new object from loose input (management-api.md 5, 6): types coerced, aliases
/// resolved, addresses canonical, defaults filled in. `params` must not contain `uid`, `groups`.
/// Throws missing_parameters, invalid_parameter_name, invalid_parameter, object_not_found.
json::object make_document(const Type& type, const json::object& params, World& world);

/// Applies the parameters of a set command to `document`, including `new-name` and the
/// {"add": ..., "remove": ...} forms. Returns whether anything changed. Throws as make_document.
bool update_document(const Type& type, json::object& document, const json::object& params,
                     World& world);

/// The command `equals` (management-api.md 11): whether every parameter given has this value.
/// A reference that does not exist makes it false. `groups` are the groups of the object.
bool equals_document(const Type& type, const json::object& document, const json::object& params,
                     const std::vector<Uid>& groups, World& world);

/// Same as equals_document for one reference list given loosely; false for unknown names.
std::optional<std::vector<Uid>> loose_references(const std::vector<std::string>& types,
                                                 const json::value& given, World& world);

/// Puts the fallback of every field that is absent into the document.
void fill_fallbacks(const Type& type, json::object& document);

/// Whether objects of the type have names of their own that identify them.
bool needs_name(const Type& type);

/// The name under which an object stands in the index of its type: its name, or for objects in an
/// order the uid of what they stand in, "/" and the order: sorted, they are a rulebase. A pair has
/// the uids of its two references, settings the name of their type.
std::string index_name(const Type& type, const json::object& document);

/// 1 to 255 characters, no control characters. Throws Error(invalid_parameter).
void check_name(std::string_view name);

/// All references in a document of this type, with the path of fields: ("members", uid), ...
struct Reference {
    std::string field;
    Uid uid;
};
std::vector<Reference> references_in(const json::object& document);

}  // namespace mds::model
